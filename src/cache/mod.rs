//! What is remembered: upstream answers with their verdict slots, and verdicts with the findings behind them.

mod answers;
mod verdicts;

pub use answers::{Answers, Entry, Key, Slot};
pub use verdicts::Verdicts;
