//! The tables `[[server]]`, `[[profile]]` and `[[device]]` of one file or several, each alone and then side by side.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use serde::Deserialize;
use toml::de::DeTable;

use super::document::Document;
use super::key_file::{self, DEVICE_FILES, SERVER_FILES};
use super::proofs::AcceptedProofs;
use super::report::Report;
use super::table::{Schema, Table, take_tables};
use super::unresolved::Reference;
use crate::provision::{
    AccountKey, DeviceDefinition, Finding, HoldsSecrets, Problem, ProfileDefinition, ServerDefinition, Severity,
    Subject, check_catalog, check_certificate_dates, check_device, check_profile, check_server,
};

const SERVER: Schema = Schema { required: Some("name"), file_keys: SERVER_FILES };
const PROFILE: Schema = Schema { required: Some("name"), file_keys: &[] };
const DEVICE: Schema = Schema { required: Some("endpoint"), file_keys: DEVICE_FILES };

/// The definitions of all files, each where it stands.
#[derive(Default)]
pub(super) struct Definitions<'t> {
    /// Whether secrets that a file leaves out are known elsewhere.
    secrets_may_miss: bool,
    servers: Vec<Placed<'t, ServerDefinition>>,
    profiles: Vec<Placed<'t, ProfileDefinition>>,
    devices: Vec<Placed<'t, DeviceDefinition>>,
}

/// A table, and which of the files it stands in.
struct Placed<'t, T> {
    file: usize,
    table: Table<'t, T>,
}

/// What the tables of all files together say.
pub(super) type Sound = (Vec<ServerDefinition>, Vec<ProfileDefinition>, Vec<DeviceDefinition>);

impl<'t> Definitions<'t> {
    /// Of files that may leave secrets out: what is wrong only for want of a secret is nobody's mistake there.
    pub(super) fn without_secrets() -> Definitions<'t> {
        Definitions { secrets_may_miss: true, ..Definitions::default() }
    }

    /// Takes the definitions of a file out of its root and reports what is wrong with each. `file` is the place of its
    /// report among those of [`Definitions::check_between`].
    pub(super) fn read(&mut self, file: usize, document: &Document, root: &mut DeTable<'t>, report: &mut Report<'_>) {
        let [servers, profiles, devices] = ["server", "profile", "device"].map(|name| take_tables(root, name, report));
        let (servers, profiles, devices) = (
            read_all(servers, &SERVER, report),
            read_all(profiles, &PROFILE, report),
            read_all(devices, &DEVICE, report),
        );
        warn_of_shown_keys(document, &servers, &profiles, &devices, report);
        for mut table in servers {
            key_file::load_of_server(&mut table, &document.base_dir, report);
            self.pass_over_secrets(&mut table);
            report_all(&table, check_server(&table.definition), report);
            report_all(&table, expiries(&table.definition, document.read_at), report);
            self.servers.push(Placed { file, table });
        }
        for mut table in profiles {
            self.pass_over_secrets(&mut table);
            report_all(&table, check_profile(&table.definition), report);
            self.profiles.push(Placed { file, table });
        }
        for mut table in devices {
            key_file::load_of_device(&mut table, &document.base_dir, report);
            self.pass_over_secrets(&mut table);
            report_all(&table, check_device(&table.definition), report);
            self.devices.push(Placed { file, table });
        }
    }

    /// What a field without its secret says is judged where the secret is known.
    fn pass_over_secrets<T: HoldsSecrets>(&self, table: &mut Table<'_, T>) {
        if self.secrets_may_miss {
            table.definition.without_their_secrets().into_iter().for_each(|field| table.set_faulty(field));
        }
    }

    /// A device without bootstrap credentials can prove nothing, and a DTLS listener lets nobody in who does not.
    pub(super) fn warn_of_unreachable_devices(&self, reports: &mut [Report<'_>]) {
        let proves_nothing =
            |device: &&Placed<'_, DeviceDefinition>| !device.table.definition.has_bootstrap_credentials();
        for Placed { file, table } in self.devices.iter().filter(proves_nothing) {
            let message =
                "the device has no key, and no listener is `nosec`: it cannot be served until it gets a `psk`";
            table.report_problem(&Problem::warning("psk", message), &mut reports[*file]);
        }
    }

    /// Certificates and raw public keys that no listener takes.
    pub(super) fn warn_of_useless_proofs(&self, accepted: AcceptedProofs, reports: &mut [Report<'_>]) {
        for Placed { file, table } in &self.devices {
            report_all(table, accepted.useless(&table.definition), &mut reports[*file]);
        }
    }

    /// Whether a profile of this name is defined, or may be in a broken table.
    pub(super) fn may_define_profile(&self, name: &str, reports: &[Report<'_>]) -> bool {
        reports.iter().any(Report::is_broken)
            || self.profiles.iter().any(|profile| ["", name].contains(&profile.table.definition.name.as_str()))
    }

    /// Names what shows only between tables, and returns the definitions.
    pub(super) fn check_between(self, reports: &mut [Report<'_>]) -> Sound {
        let sound = (copies(&self.servers), copies(&self.profiles), copies(&self.devices));
        for finding in check_catalog(&sound.0, &sound.1, &sound.2) {
            let Finding { subject, first, problem } = &finding;
            let first = first.map(|first| self.place_of(first, problem, reports));
            match *subject {
                Subject::Server(index) => report_beside(&self.servers[index], problem, first, reports),
                Subject::Profile(index) => self.report_of_profile(index, problem, first, reports),
                Subject::Device(index) => self.report_of_device(index, problem, first, reports),
            }
        }
        sound
    }

    fn report_of_profile(&self, index: usize, problem: &Problem, first: Option<Spot>, reports: &mut [Report<'_>]) {
        let profile = &self.profiles[index];
        let named = problem.element.and_then(|element| profile.table.definition.servers.get(element));
        let dangling =
            named.filter(|name| problem.field == "servers" && !defines(&self.servers, name, |server| &server.name));
        match dangling {
            None => report_beside(profile, problem, first, reports),
            Some(_) if may_miss(&self.servers, |server| &server.name, reports) => {}
            Some(name) => set_aside(profile, problem, Reference::Server(name.clone()), reports),
        }
    }

    fn report_of_device(&self, index: usize, problem: &Problem, first: Option<Spot>, reports: &mut [Report<'_>]) {
        let device = &self.devices[index];
        let named = device.table.definition.profile.as_ref();
        let is_there = named.is_some_and(|name| defines(&self.profiles, name, |profile| &profile.name));
        if problem.field != "profile" || is_there {
            report_beside(device, problem, first, reports);
        } else if !may_miss(&self.profiles, |profile| &profile.name, reports) {
            let reference = named.map_or(Reference::DefaultProfile, |name| Reference::Profile(name.clone()));
            set_aside(device, problem, reference, reports);
        }
    }

    /// File and line of each definition, by kind and name: server `eu`.
    pub(super) fn places(&self, reports: &[Report<'_>]) -> HashMap<String, String> {
        fn add<T>(
            places: &mut HashMap<String, String>,
            placed: &[Placed<'_, T>],
            reports: &[Report<'_>],
            entry_of: impl Fn(&T) -> String,
        ) {
            for Placed { file, table } in placed {
                let report = &reports[*file];
                let place = format!("{}:{}", report.file_name(), report.line_of(table.header.start));
                places.insert(entry_of(&table.definition), place);
            }
        }
        let mut places = HashMap::new();
        add(&mut places, &self.servers, reports, |server| format!("server `{}`", server.name));
        add(&mut places, &self.profiles, reports, |profile| format!("profile `{}`", profile.name));
        add(&mut places, &self.devices, reports, |device| format!("device `{}`", device.endpoint));
        places
    }

    /// Endpoints of the devices whose tables hold this key.
    pub(super) fn devices_that_say(&self, key: &str) -> BTreeSet<String> {
        let saying = self.devices.iter().filter(|device| device.table.has(key));
        saying.map(|device| device.table.definition.endpoint.clone()).collect()
    }

    fn place_of(&self, subject: Subject, problem: &Problem, reports: &[Report<'_>]) -> Spot {
        let (file, place) = match subject {
            Subject::Server(index) => self.servers[index].place_of(problem),
            Subject::Profile(index) => self.profiles[index].place_of(problem),
            Subject::Device(index) => self.devices[index].place_of(problem),
        };
        Spot { file, line: reports[file].line_of(place.start), name: reports[file].file_name().to_owned() }
    }
}

impl<T> Placed<'_, T> {
    fn place_of(&self, problem: &Problem) -> (usize, Range<usize>) {
        (self.file, self.table.place_of(problem.field, None))
    }
}

/// Where the first of two stands that cannot both be.
struct Spot {
    file: usize,
    line: usize,
    name: String,
}

pub(super) fn read_all<'t, T>(
    tables: Vec<(Range<usize>, DeTable<'t>)>,
    schema: &Schema,
    report: &mut Report<'_>,
) -> Vec<Table<'t, T>>
where
    T: for<'de> Deserialize<'de>,
{
    tables.into_iter().filter_map(|(header, entries)| Table::read(header, entries, schema, report)).collect()
}

pub(super) fn report_all<T>(table: &Table<'_, T>, problems: Vec<Problem>, report: &mut Report<'_>) {
    for problem in &problems {
        table.report_problem(problem, report);
    }
}

fn copies<T: Clone>(placed: &[Placed<'_, T>]) -> Vec<T> {
    placed.iter().map(|placed| placed.table.definition.clone()).collect()
}

fn defines<T>(placed: &[Placed<'_, T>], name: &str, name_of: impl Fn(&T) -> &String) -> bool {
    placed.iter().any(|placed| name_of(&placed.table.definition) == name)
}

/// What a broken table may have defined is not called missing.
fn may_miss<T>(placed: &[Placed<'_, T>], name_of: impl Fn(&T) -> &String, reports: &[Report<'_>]) -> bool {
    reports.iter().any(Report::is_broken) || defines(placed, "", name_of)
}

fn report_beside<T>(placed: &Placed<'_, T>, problem: &Problem, first: Option<Spot>, reports: &mut [Report<'_>]) {
    let message = match first {
        None => problem.message.clone(),
        Some(Spot { file, line, .. }) if file == placed.file => {
            format!("{} (the first is on line {line})", problem.message)
        }
        Some(Spot { line, name, .. }) => format!("{} (the first is on line {line} of {name})", problem.message),
    };
    placed.table.report_problem_as(problem, message, &mut reports[placed.file]);
}

/// Keeps a dangling reference aside. One that holds an expression was refused for that already.
fn set_aside<T>(placed: &Placed<'_, T>, problem: &Problem, reference: Reference, reports: &mut [Report<'_>]) {
    let is_expression = matches!(&reference, Reference::Server(name) | Reference::Profile(name) if name.contains("${"));
    let report = &mut reports[placed.file];
    if let Some(place) = placed.table.place_of_new(problem, report).filter(|_| !is_expression) {
        report.set_aside(reference, place, &problem.message);
    }
}

/// What is to be said of the dates of certificates. One that has expired since refuses no file: a daemon that does not
/// start again for it would leave all other clients alone as well.
fn expiries(server: &ServerDefinition, now: Option<u64>) -> Vec<Problem> {
    let found = now.map(|now| check_certificate_dates(server, now)).unwrap_or_default();
    found.into_iter().map(|problem| Problem { severity: Severity::Warning, ..problem }).collect()
}

/// A file that holds keys itself is nobody else's business. A key that a random expression makes is not in the file.
fn warn_of_shown_keys(
    document: &Document,
    servers: &[Table<'_, ServerDefinition>],
    profiles: &[Table<'_, ProfileDefinition>],
    devices: &[Table<'_, DeviceDefinition>],
    report: &mut Report<'_>,
) {
    let is_made = |key: &AccountKey| key.template().has_random();
    let server_holds = |server: &Table<'_, ServerDefinition>| {
        let made = server.definition.psk.as_ref().is_some_and(is_made);
        server.definition.secrets().places().any(|place| place != "psk" || !made)
    };
    let holds_keys = servers.iter().any(server_holds)
        || profiles.iter().any(|profile| !profile.definition.secrets().is_empty())
        || devices.iter().any(|device| device.definition.psk.is_some());
    if holds_keys && document.is_world_readable {
        report.warning_of_file("the file holds keys, and everyone can read it: `chmod o-r` it");
    }
}
