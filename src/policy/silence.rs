//! The lines of configuration that would silence a reason, ready to paste.

use crate::{
    name::Host,
    platform,
    verdict::{Reason, Source},
};

/// The setting with the table it belongs to; empty for a reason that there is no need to silence: an own rule, an allowed
/// name, awareness training.
///
/// It reaches no further than it must: a tenant or a name, never all that a stranger registered. `[protect] owned` is left to
/// the operator, who alone knows what is his.
pub fn silence(reason: &Reason, host: &Host<'_>) -> String {
    let allow = match reason.source {
        Source::Rule | Source::Allow | Source::SimulatedPhishing => return String::new(),
        Source::List => None,
        Source::Platform => platform::allow_entry(host),
        Source::Lookalike | Source::Seen => platform::allow_entry_for_both(host),
    };
    match allow {
        Some(entry) => format!("[platform] allow = [{}]", quoted(&entry)),
        None => format!("[[rule]]\nname = {}\naction = \"pass\"", quoted(host.name)),
    }
}

/// A TOML string; a literal one where the backslash of an escaped octet must stay as it is. Quotes are escaped octets
/// themselves.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\\') { '\'' } else { '"' };
    format!("{quote}{text}{quote}")
}
