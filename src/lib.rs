//! Squint is a policy-implementing resolver (RFC 9499): a forwarding DNS server that looks twice at every name.
//!
//! # The life of a query
//!
//! 1. A front ([`server`]) receives octets, checks that the client may ask, and parses the question in place
//!    ([`dns::Query::parse`]).
//! 2. [`proxy::Proxy::respond_now`] looks for a remembered answer that has a current verdict. If there is one, the octets
//!    are patched and leave at once: no allocation, no waiting.
//! 3. Everything else goes to [`proxy::Proxy::respond`]: special-use names are answered here, every other name is judged
//!    ([`policy::judge`]) by the [`platform`] table, the [`lookalike`] engine, the [`list`] index and the operator's own
//!    rules. The result is a [`verdict::Verdict`]: an action, and the reasons for it in words a person understands.
//! 4. A verdict that changes the answer is answered from the policy alone. Otherwise the question is forwarded
//!    ([`upstream`]), unless the same question is on its way already, and the answer is remembered in wire form
//!    ([`cache`]) whatever the policy; the verdict is remembered beside it.
//! 5. Every query leaves by one exit, where an [`event`] is recorded. Recording never delays an answer.
//!
//! # The parts
//!
//! Parts stand on floors; each uses lower floors only, and a test holds the code to it. From the ground up: [`name`] and
//! [`metrics`]; [`dns`] and [`verdict`]; [`list`], [`lookalike`] and [`platform`]; [`policy`], [`cache`],
//! [`upstream`], [`event`] and [`seen`]; [`dnssec`]; [`proxy`] and [`hunt`]; [`server`]; [`config`]; [`app`]; [`cli`]. `ARCHITECTURE.md` draws them and gives the
//! reasons.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod dns;
pub mod dnssec;
pub mod event;
pub mod hunt;
pub mod list;
pub mod lookalike;
pub mod metrics;
pub mod name;
pub mod platform;
pub mod policy;
pub mod proxy;
pub mod seen;
pub mod server;
pub mod upstream;
pub mod verdict;
