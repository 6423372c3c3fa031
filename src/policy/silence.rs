//! The lines of configuration that would silence a reason, ready to paste.

use crate::{
    lookalike,
    name::Host,
    platform,
    verdict::{Reason, Source},
};

/// The setting with the table it belongs to; empty for a reason that there is no need to silence: an own rule, an allowed
/// name, awareness training.
pub fn silence(reason: &Reason, host: &Host<'_>) -> String {
    let allow = match reason.source {
        Source::Rule | Source::Allow | Source::SimulatedPhishing => return String::new(),
        Source::List => {
            return format!("[[rule]]\nname = {}\naction = \"pass\"", quoted(host.name));
        }
        Source::Platform => platform::allow_entry(host),
        Source::Lookalike | Source::Seen => platform::allow_entry_for_both(host),
    };
    if let Some(entry) = allow {
        return format!("[platform] allow = [{}]", quoted(&entry));
    }
    format!("[protect] owned = [{}]", quoted(lookalike::owned_entry(host)))
}

/// A TOML string; a literal one where the backslash of an escaped octet must stay as it is. Quotes are escaped octets
/// themselves.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\\') { '\'' } else { '"' };
    format!("{quote}{text}{quote}")
}
