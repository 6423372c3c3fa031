//! A script in place of the proxy, for tests of the fronts alone: the first label of a name says what happens to its query.

use crate::{
    dns::{Made, Query, Rcode, Way},
    proxy::Now,
};
use tokio::sync::Semaphore;

/// Answers by the first label: `now`, `later`, `silent`, `later-silent`, `panic`, `later-panic`, and `held`, which waits to be
/// released. Every answer is NOERROR without records.
#[derive(Debug)]
pub(super) struct Script {
    /// How many held queries may go on.
    pub(super) release: Semaphore,
    /// How many queries have been held.
    pub(super) held: Semaphore,
}

impl Script {
    pub(super) fn new() -> Self {
        Self { release: Semaphore::new(0), held: Semaphore::new(0) }
    }

    pub(super) fn respond_now(&self, query: &Query<'_>, way: Way, out: &mut Vec<u8>) -> Now {
        match first_label(query) {
            b"silent" => Now::Silent,
            b"panic" => panic!("expected in this test"),
            b"later" | b"later-silent" | b"later-panic" | b"held" => Now::Later,
            _ => {
                write(query, way, out);
                Now::Answered
            }
        }
    }

    pub(super) async fn respond(&self, query: &Query<'_>, way: Way, out: &mut Vec<u8>) -> bool {
        match first_label(query) {
            b"later-silent" => return false,
            b"later-panic" => panic!("expected in this test"),
            b"held" => {
                self.held.add_permits(1);
                self.release.acquire().await.unwrap().forget();
            }
            _ => tokio::task::yield_now().await,
        }
        write(query, way, out);
        true
    }
}

fn first_label<'q>(query: &'q Query<'_>) -> &'q [u8] {
    query.name.labels().next().unwrap_or_default()
}

fn write(query: &Query<'_>, way: Way, out: &mut Vec<u8>) {
    Made::Empty(Rcode::NOERROR).write(query, None, way, out);
}
