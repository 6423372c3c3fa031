//! The application: builds the parts, runs them, reloads the policy, stops in order.

mod banner;
mod build;
mod clock;
mod designated;
mod files;
mod forwarding;
mod lock;
mod pages;
mod priority;
mod reload;
mod remember;
mod run;
mod signals;
mod status;
mod system;

pub use build::{Offline, describe, lookalike, offline, offline_with, search_domains};
pub use run::{Options, serve};
