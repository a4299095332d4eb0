//! How much one write carries: an instance, a whole object, or a resource (spec sheets `bootstrap.md`, section 8, and
//! `clients.md`, section 3).

use bootstrapd::bootstrap::{Lookup, Outcome};
use bootstrapd::coap::Code;
use bootstrapd::provision::{ClientKnowledge, Level};

use super::beginnings::{FRESH, up_to_discover};
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

fn at(level: Level) -> bootstrapd::provision::Provision {
    provision_with(|provision| {
        provision.accounts.push(second_account());
        provision.writing.level = level;
        provision.writing.access_control = bootstrapd::provision::AccessControl::Never;
    })
}

fn begun() -> Vec<Step> {
    let mut steps = up_to_discover();
    steps.push(CLIENT.answers(Code::CONTENT, FRESH));
    steps
}

/// Each target is written and taken.
fn taken(targets: &'static [&'static str]) -> impl Iterator<Item = Step> {
    targets.iter().flat_map(|target| [CLIENT.is_written(target, TLV), CLIENT.says(Code::CHANGED)])
}

#[test]
fn a_whole_object_goes_in_one_write() {
    World::with(device(at(Level::Object))).play(begun()).play(taken(&["/0", "/1"])).play([
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "everything"),
    ]);
}

#[test]
fn a_client_that_takes_no_write_of_an_object_gets_its_instances() {
    let refused = [CLIENT.is_written("/0", TLV), CLIENT.says(Code::METHOD_NOT_ALLOWED)];
    World::with(device(at(Level::Object)))
        .play(begun())
        .play(refused)
        .play(taken(&["/0/1", "/0/2", "/1"]))
        .play([CLIENT.is_finished()]);
}

#[test]
fn a_client_known_to_take_ids_of_its_own_gets_instances_at_once() {
    let knowledge = ClientKnowledge { renumbers_instances: true, ..ClientKnowledge::default() };
    let lookup: Lookup = known_so(at(Level::Object), knowledge);
    World::with(lookup).play(begun()).play(taken(&["/0/1", "/1/0", "/0/2", "/1/1"])).play([CLIENT.is_finished()]);
}

#[test]
fn each_resource_may_go_by_itself() {
    let one = provision_with(|provision| provision.writing.level = Level::Resource);
    World::with(device(one))
        .play(begun())
        .play(taken(&["/0/1/0", "/0/1/1", "/0/1/2", "/0/1/3", "/0/1/4", "/0/1/5", "/0/1/10"]))
        .play(taken(&["/1/0/0", "/1/0/1", "/1/0/2", "/1/0/3", "/1/0/5", "/1/0/6", "/1/0/7"]))
        .play([CLIENT.is_finished()]);
}
