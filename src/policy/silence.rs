//! The lines of configuration that would silence a reason, ready to paste.

use crate::{
    name::Host,
    platform,
    verdict::{Reason, Source},
};

/// The setting with the table it belongs to; empty for a reason that there is no need to silence: an own rule, an allowed
/// name, awareness training.
pub fn silence(reason: &Reason, host: &Host<'_>) -> String {
    match reason.source {
        Source::Rule | Source::Allow | Source::SimulatedPhishing => String::new(),
        Source::List => format!("[[rule]]\nname = \"{}\"\naction = \"pass\"", host.name),
        Source::Platform | Source::Lookalike | Source::Seen => match platform::allow_entry(host) {
            Some(entry) => format!("[platform] allow = [\"{entry}\"]"),
            None if host.registrable.is_empty() => format!("[protect] owned = [\"{}\"]", host.name),
            None => format!("[protect] owned = [\"{}\"]", host.registrable),
        },
    }
}
