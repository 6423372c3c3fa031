//! What the network's memory says of a name, as a value that judging depends on.

/// Whether something was asked on this network before today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Novelty {
    /// Nobody remembers: the memory is off, or younger than its learning period.
    #[default]
    Unknown,
    /// It was asked on an earlier day that is remembered.
    Known,
    /// It was not: today is the first day.
    New,
}

/// What is remembered of a host when it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The whole name.
    pub name: Novelty,
    /// Its registrable domain.
    pub registrable: Novelty,
    /// Its tenant on a platform; [`Novelty::Unknown`] where there is none.
    pub tenant: Novelty,
    /// The same client has asked for a URL shortener a moment ago.
    pub after_shortener: bool,
    /// So many well-known domains were asked below the registrable domain within a day that it must be a search suffix.
    pub search_suffix: bool,
    /// Unix time in seconds at which this stops being true by itself; `u64::MAX` where nothing is remembered.
    pub valid_until: u64,
}

impl Seen {
    /// Nobody remembers anything.
    pub const UNKNOWN: Self = Self {
        name: Novelty::Unknown,
        registrable: Novelty::Unknown,
        tenant: Novelty::Unknown,
        after_shortener: false,
        search_suffix: false,
        valid_until: u64::MAX,
    };

    /// Whether anybody remembers anything.
    pub const fn is_on(&self) -> bool {
        self.valid_until != u64::MAX
    }
}
