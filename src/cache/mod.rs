//! What is remembered: upstream answers with their verdict slots, and verdicts with the findings behind them.

mod answers;
mod entry;
mod key;
mod known;
mod lately;
mod name_errors;
mod near;
mod segment;
mod table;
mod tick;
mod verdicts;

pub use answers::Answers;
pub use entry::{Entry, Slot};
pub use key::Key;
pub use tick::Tick;
pub use verdicts::Verdicts;
