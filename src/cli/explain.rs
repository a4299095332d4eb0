//! `bootstrapctl explain`: what a device would receive, and why, without a device.

use std::fmt::Write as _;

use clap::Args;

use super::Context;
use super::failure::Failure;
use super::human::{NOTHING, or_nothing, printable};
use super::model::sentence;
use super::report::{Report, Table};
use crate::admin::api::DeviceExplanation;
use crate::admin::client::ExplainQuery;
use crate::bootstrap::explanation::{ExplainedOperation, Explanation};
use crate::provision::Severity;

/// `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// Endpoint name of the device.
    endpoint: String,
    /// The version that the client speaks: 1.0, 1.1 or 1.2; unknown where left out.
    #[arg(long, value_name = "VERSION")]
    lwm2m: Option<String>,
    /// The content format that the client asks for: 110, 112, 11542 or 11544.
    #[arg(long, value_name = "NUMBER")]
    pct: Option<u32>,
    /// What the client answers to Discover, such as `</>;lwm2m=1.1,</0/0>,</1>,</3/0>`.
    #[arg(long, value_name = "TEXT")]
    discover: Option<String>,
    /// Also lists what each write holds; secrets are blanked.
    #[arg(long)]
    resources: bool,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> Result<Report, Failure> {
        let query = ExplainQuery { lwm2m: self.lwm2m, pct: self.pct, discover: self.discover };
        let answer = context.wait(context.client.explain(&self.endpoint, query))?;
        let operations = answer.bootstrap.as_ref().map(|bootstrap| &bootstrap.operations[..]).unwrap_or_default();
        let table = Table::new(OPERATION_COLUMNS).rows(operations.iter().enumerate().map(operation_row));
        let text = words(&answer, &table, self.resources);
        Ok(Report::text(text, table, &answer).with_code(u8::from(!would_succeed(&answer))))
    }
}

const OPERATION_COLUMNS: [&str; 8] =
    ["#", "operation", "path", "tlv", "senml-cbor", "senml-json", "lwm2m-cbor", "note"];

/// Whether the device would be sent everything, and nothing of it is an error.
fn would_succeed(answer: &DeviceExplanation) -> bool {
    let is_sound = !answer.checks.iter().any(|check| check.severity == Severity::Error);
    is_sound
        && answer.bootstrap.as_ref().is_some_and(|bootstrap| {
            bootstrap.obstacle.is_none()
                && !bootstrap.findings.iter().any(|finding| finding.severity == Severity::Error)
        })
}

fn operation_row((position, operation): (usize, &ExplainedOperation)) -> Vec<String> {
    let sizes = operation.sizes.unwrap_or_default();
    vec![
        (position + 1).to_string(),
        operation.operation.clone(),
        operation.path.clone(),
        or_nothing(sizes.tlv),
        or_nothing(sizes.senml_cbor),
        or_nothing(sizes.senml_json),
        or_nothing(sizes.lwm2m_cbor),
        operation.note.clone().unwrap_or_default(),
    ]
}

fn words(answer: &DeviceExplanation, operations: &Table, resources: bool) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = match (&answer.bootstrap, &answer.refused) {
        (Some(bootstrap), _) => writeln!(text, "{}", introduction(bootstrap)),
        (None, Some(reason)) => writeln!(text, "The device would get nothing: {}.", printable(reason)),
        (None, None) => Ok(()),
    };
    for account in &answer.issued {
        let what =
            if account.new { "new credentials would be issued" } else { "its issued credentials are written again" };
        let _ = writeln!(text, "Server `{}`: {what}.", account.server);
    }
    for fact in answer.knowledge.iter().flat_map(|known| &known.facts) {
        let _ = writeln!(text, "Known of its client: {}", printable(&sentence(fact)));
    }
    if let Some(bootstrap) = &answer.bootstrap {
        if let Some(obstacle) = &bootstrap.obstacle {
            let _ = writeln!(text, "Nothing can be written: {}.", printable(obstacle));
        }
        if !bootstrap.operations.is_empty() {
            let _ =
                writeln!(text, "\nOperations, with bytes of payload in each content format:\n{}", operations.to_text());
        }
        for note in &bootstrap.notes {
            let _ = writeln!(text, "Note: {}.", printable(note));
        }
        if resources {
            let _ = writeln!(text, "\nResources:\n{}", resource_table(bootstrap).to_record_text());
        }
    }
    let _ = write!(text, "\n{}", findings(answer));
    text.trim_end().to_owned()
}

fn introduction(bootstrap: &Explanation) -> String {
    let discovered = if bootstrap.discovered {
        "its Discover answer is taken into account"
    } else {
        "nothing is known of what it holds"
    };
    format!(
        "Device `{}` gets profile `{}`: {}.\nIt is written in {}: {}. LwM2M version: {}; {discovered}.",
        printable(&bootstrap.endpoint),
        bootstrap.profile,
        bootstrap.profile_choice,
        bootstrap.content_format,
        bootstrap.content_format_reason,
        bootstrap.lwm2m_version.as_deref().unwrap_or("unknown"),
    )
}

fn resource_table(bootstrap: &Explanation) -> Table {
    let resources = bootstrap.operations.iter().flat_map(|operation| &operation.resources);
    Table::new(["path", "name", "value"]).rows(resources.map(|resource| {
        vec![resource.path.clone(), resource.name.clone().unwrap_or_else(|| NOTHING.to_owned()), resource.value.clone()]
    }))
}

/// Everything that fails or warns, one line each.
fn findings(answer: &DeviceExplanation) -> String {
    let mut lines = Vec::new();
    for check in &answer.checks {
        let rule = check.rule.map(|rule| format!(" {}", rule.name())).unwrap_or_default();
        lines.push(format!(
            "{}{rule}: {}: {}: {}",
            check.severity,
            check.subject,
            check.field,
            printable(&check.message)
        ));
    }
    if let Some(bootstrap) = &answer.bootstrap {
        for finding in &bootstrap.findings {
            lines.push(format!("{} {}: {}", finding.severity, finding.rule.name(), printable(&finding.message)));
        }
        for warning in &bootstrap.warnings {
            let path = warning.path.as_ref().map(|path| format!(" ({path})")).unwrap_or_default();
            lines.push(format!("client {}{path}: {}", warning.client, printable(&warning.message)));
        }
    }
    if lines.is_empty() { "Every check passes.".to_owned() } else { lines.join("\n") }
}
