//! What signals ask for.

/// What somebody asks the running server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop; the signal's name.
    Stop(&'static str),
    /// To read configuration and lists again.
    #[cfg_attr(
        windows,
        expect(dead_code, reason = "no key is left; files are watched all the same")
    )]
    Reload,
    /// To tell what was counted.
    Tell,
}

#[cfg(unix)]
pub(super) use unix::Signals;
#[cfg(windows)]
pub(super) use windows::Signals;

#[cfg(unix)]
mod unix {
    use super::Asked;
    use anyhow::Context as _;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The signals that are obeyed, from before anybody is told that Squint runs.
    pub(in crate::app) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
        user1: Signal,
    }

    impl Signals {
        pub(in crate::app) fn listen() -> anyhow::Result<Self> {
            let listen = |kind| signal(kind).context("cannot listen for signals");
            Ok(Self {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
                hangup: listen(SignalKind::hangup())?,
                user1: listen(SignalKind::user_defined1())?,
            })
        }

        /// Waits for the next one.
        pub(in crate::app) async fn next(&mut self) -> Asked {
            tokio::select! {
                _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
                _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
                _ = self.hangup.recv() => Asked::Reload,
                _ = self.user1.recv() => Asked::Tell,
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use super::Asked;
    use anyhow::Context as _;
    use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

    /// The keys that are obeyed, from before anybody is told that Squint runs.
    pub(in crate::app) struct Signals {
        interrupt: CtrlC,
        user1: CtrlBreak,
    }

    impl Signals {
        pub(in crate::app) fn listen() -> anyhow::Result<Self> {
            Ok(Self {
                interrupt: ctrl_c().context("cannot listen for Ctrl-C")?,
                user1: ctrl_break().context("cannot listen for Ctrl-Break")?,
            })
        }

        /// Waits for the next one.
        pub(in crate::app) async fn next(&mut self) -> Asked {
            tokio::select! {
                _ = self.interrupt.recv() => Asked::Stop("Ctrl-C"),
                _ = self.user1.recv() => Asked::Tell,
            }
        }
    }
}
