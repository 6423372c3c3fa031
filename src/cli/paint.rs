//! Colours for a terminal; `anstream` takes them out everywhere else.

use anstyle::{AnsiColor, Style};

use crate::verdict::Action;

/// The colour of an action: red where the answer changes, yellow where it is logged, green where it passes.
pub(super) const fn action(action: Action) -> Style {
    match action {
        Action::Pass => AnsiColor::Green.on_default(),
        Action::Log => AnsiColor::Yellow.on_default(),
        Action::Sinkhole | Action::Nxdomain | Action::Nodata | Action::Refused | Action::Drop => {
            AnsiColor::Red.on_default().bold()
        }
    }
}

/// For what matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
