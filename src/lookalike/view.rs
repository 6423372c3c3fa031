//! A name as the techniques see it: the labels that somebody chose, read as ASCII, cut into tokens and hashed.

use crate::name::{Class, Host, Hosting};
use std::cell::Cell;

use super::{
    glyph::{Glyphs, Kind, fold_head, is_mark},
    hash::{Prefixes, TEXT_MAX},
    parts::Part,
    punycode,
};

/// Most labels or tokens: 255 octets hold at most 127 labels, and as many tokens of one letter and a separator.
pub(super) const PARTS_MAX: usize = 128;

/// Octets of a name that are read: all that a name without escapes has, and half of [`TEXT_MAX`], because decoding may double them.
const NAME_MAX: usize = TEXT_MAX / 2;

/// A byte that matches nothing: a character that reads as no ASCII letter.
const UNREADABLE: u8 = 0xff;

/// A piece of the text: a label or a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Span {
    pub(super) const fn start(self) -> usize {
        self.start as usize
    }

    pub(super) const fn end(self) -> usize {
        self.end as usize
    }

    pub(super) const fn len(self) -> usize {
        self.end() - self.start()
    }

    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u16, end: end as u16 }
    }

    pub(super) const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A token: a run between dots, hyphens and underscores, and the label that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) span: Span,
    pub(super) label: u8,
}

/// The part of a name that somebody chose, see [`View::fill`].
pub(super) struct View {
    text: [u8; TEXT_MAX],
    len: usize,
    /// Bit per byte: it reads from a character that is no ASCII letter.
    foreign: [u64; TEXT_MAX / 64],
    /// Bit per byte: that character is another letter and not merely a marked one.
    alien: [u64; TEXT_MAX / 64],
    labels: [Span; PARTS_MAX],
    label_count: usize,
    tokens: [Token; PARTS_MAX],
    token_count: usize,
    has_idn: bool,
    has_second_reading: bool,
    /// Hashes of the text, in which every separator is a dot.
    pub(super) hashes: Prefixes,
    folded: [u8; TEXT_MAX],
    folded_len: usize,
    /// Where each folded byte begins in the text.
    origin: [u16; TEXT_MAX + 1],
    pub(super) folded_hashes: Prefixes,
}

/// How much of a name belongs to the suffix under which its owner registered it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    /// What the owner chose: the labels before the suffix.
    pub(super) own: &'a str,
    /// The public suffix, or the platform's.
    pub(super) suffix: &'a str,
    /// The platform's class, when the name is a tenant's.
    pub(super) platform: Option<Class>,
    /// What the owner registered: registrable domain or tenant.
    pub(super) site: &'a str,
}

impl<'a> Cut<'a> {
    /// Cuts a host at the suffix under which its owner registered. `None` where nobody did: a suffix, a platform's own
    /// site, a single label.
    pub(super) fn of(host: &Host<'a>) -> Option<Self> {
        if let Some(hosting) = host.hosting
            && hosting.class != Class::IpfsGateway
        {
            if hosting.tenant.is_empty() {
                return None;
            }
            let own = strip_suffix(host.name, hosting.platform)?;
            let (suffix, site) = (hosting.platform, hosting.tenant);
            return Some(Self { own, suffix, platform: Some(hosting.class), site });
        }
        if Part::Registry.is(host.registrable) {
            let own = strip_suffix(host.name, host.registrable)?;
            let start = own.rfind('.').map_or(0, |at| at + 1);
            let site = &host.name[start..];
            return Some(Self { own, suffix: host.registrable, platform: None, site });
        }
        let own = strip_suffix(host.name, host.suffix)?;
        let site = host.registrable;
        (!site.is_empty()).then_some(Self { own, suffix: host.suffix, platform: None, site })
    }
}

/// The host by the last labels of its name that [`NAME_MAX`] octets hold: only names full of escapes are longer, and those who made
/// them chose the first labels.
///
/// `short` is where a shorter host is put, so that others are not moved.
pub(super) fn within<'h, 'a>(host: &'h Host<'a>, short: &'h mut Option<Host<'a>>) -> &'h Host<'a> {
    let excess = host.name.len().saturating_sub(NAME_MAX);
    if excess == 0 {
        return host;
    }
    let rest = host.name.get(excess..).unwrap_or_default();
    let name = rest.split_once('.').map_or("", |it| it.1);
    let part = |it: &'a str| if it.len() > name.len() { name } else { it };
    let hosting = host.hosting.map(|it| Hosting {
        platform: part(it.platform),
        tenant: part(it.tenant),
        ..it
    });
    let (suffix, registrable) = (part(host.suffix), part(host.registrable));
    short.insert(Host { name, suffix, registrable, hosting })
}

/// `name` without `suffix` and the dot between them; `None` when nothing is left.
fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let own = name.strip_suffix(suffix)?.strip_suffix('.')?;
    (!own.is_empty()).then_some(own)
}

thread_local! {
    /// One for a name, and one for the name that it carries.
    static SPARE: [Cell<Option<Box<View>>>; 2] = const { [const { Cell::new(None) }; 2] };
}

/// Lends an empty view, one that this thread has used before: to make all of it anew costs more than to read most names.
pub(super) fn lend<T>(then: impl FnOnce(&mut View) -> T) -> T {
    let spare = SPARE.with(|it| it.iter().find_map(Cell::take));
    let mut view = spare.unwrap_or_else(|| Box::new(View::new()));
    view.clear();
    let done = then(&mut view);
    let mut left = Some(view);
    SPARE.with(|it| it.iter().for_each(|place| place.set(place.take().or_else(|| left.take()))));
    done
}

impl View {
    pub(super) const fn new() -> Self {
        let span = Span { start: 0, end: 0 };
        Self {
            text: [0; TEXT_MAX],
            len: 0,
            foreign: [0; TEXT_MAX / 64],
            alien: [0; TEXT_MAX / 64],
            labels: [span; PARTS_MAX],
            label_count: 0,
            tokens: [Token { span, label: 0 }; PARTS_MAX],
            token_count: 0,
            has_idn: false,
            has_second_reading: false,
            hashes: Prefixes::EMPTY,
            folded: [0; TEXT_MAX],
            folded_len: 0,
            origin: [0; TEXT_MAX + 1],
            folded_hashes: Prefixes::EMPTY,
        }
    }

    /// Forgets what it holds. What lies past the lengths is never read.
    fn clear(&mut self) {
        (self.len, self.label_count, self.token_count, self.folded_len) = (0, 0, 0, 0);
        (self.has_idn, self.has_second_reading) = (false, false);
        self.foreign.fill(0);
        self.alien.fill(0);
    }

    /// Reads `own`, the labels that the owner chose.
    pub(super) fn fill(&mut self, own: &str, glyphs: &Glyphs) {
        self.read(own, glyphs, false);
    }

    /// Reads `own` anew, characters that read in two ways the second way.
    pub(super) fn fill_again(&mut self, own: &str, glyphs: &Glyphs) {
        self.clear();
        self.read(own, glyphs, true);
    }

    fn read(&mut self, own: &str, glyphs: &Glyphs, again: bool) {
        for label in own.as_bytes().split(|it| *it == b'.') {
            if self.label_count == PARTS_MAX || self.len + 2 * label.len() + 1 > TEXT_MAX {
                break;
            }
            if self.len > 0 {
                self.push(b'.', Kind::Plain);
            }
            let start = self.len;
            let is_idn = label.starts_with(b"xn--");
            self.has_idn |= is_idn;
            match is_idn.then(|| punycode::decode(label)).flatten() {
                Some(decoded) => self.push_decoded(decoded.chars(), glyphs, again),
                None => self.push_plain(label),
            }
            self.labels[self.label_count] = Span::new(start, self.len);
            self.cut_tokens(start);
            self.label_count += 1;
        }
        self.hashes.fill(&self.text[..self.len]);
        self.fold();
    }

    fn push(&mut self, byte: u8, kind: Kind) {
        self.text[self.len] = byte;
        if kind != Kind::Plain {
            self.foreign[self.len / 64] |= 1 << (self.len % 64);
            if kind == Kind::Lookalike {
                self.alien[self.len / 64] |= 1 << (self.len % 64);
            }
        }
        self.len += 1;
    }

    fn push_plain(&mut self, label: &[u8]) {
        let to = &mut self.text[self.len..self.len + label.len()];
        for (to, &byte) in to.iter_mut().zip(label) {
            *to = if matches!(byte, b'-' | b'_') { b'.' } else { byte };
        }
        self.len += label.len();
    }

    fn push_decoded(&mut self, chars: &[char], glyphs: &Glyphs, again: bool) {
        for &c in chars {
            if !c.is_ascii() && is_mark(c) {
                // A mark turns the letter before it into a marked one.
                if self.len > 0 {
                    self.foreign[(self.len - 1) / 64] |= 1 << ((self.len - 1) % 64);
                }
                continue;
            }
            let second = glyphs.read_again(c);
            self.has_second_reading |= second.is_some();
            match second.filter(|_| again).or_else(|| glyphs.read(c)) {
                Some(reading) => {
                    for &byte in reading.bytes() {
                        self.push(if byte == b'-' { b'.' } else { byte }, reading.kind);
                    }
                }
                None => self.push(UNREADABLE, Kind::Plain),
            }
        }
    }

    /// Cuts the label that begins at `start` into tokens; separators stand as dots in the text already.
    fn cut_tokens(&mut self, start: usize) {
        let mut at = start;
        for end in start..=self.len {
            if end < self.len && self.text[end] != b'.' {
                continue;
            }
            if end > at && self.token_count < PARTS_MAX {
                let token = Token { span: Span::new(at, end), label: self.label_count as u8 };
                self.tokens[self.token_count] = token;
                self.token_count += 1;
            }
            at = end + 1;
        }
    }

    fn fold(&mut self) {
        let (mut at, mut to) = (0, 0);
        while at < self.len {
            let (byte, used) = fold_head(&self.text[at..self.len]);
            self.folded[to] = byte;
            self.origin[to] = at as u16;
            to += 1;
            at += used;
        }
        self.origin[to] = self.len as u16;
        self.folded_len = to;
        self.folded_hashes.fill(&self.folded[..to]);
    }

    /// The text: labels read as ASCII, every separator a dot.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// The text with look-alike letters folded together.
    pub(super) fn folded(&self) -> &[u8] {
        &self.folded[..self.folded_len]
    }

    /// The place in the text of a place in the folded text.
    pub(super) fn origin(&self, at: usize) -> usize {
        usize::from(self.origin[at])
    }

    /// The place in the folded text of a place in the text; `None` when it lies inside a folded pair.
    pub(super) fn folded_at(&self, at: usize) -> Option<usize> {
        if self.folded_len == self.len {
            // No two letters fold to one.
            return Some(at);
        }
        self.origin[..=self.folded_len].binary_search(&(at as u16)).ok()
    }

    /// The bytes of a span.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        &self.text[span.start()..span.end()]
    }

    /// The span as text for people; `…` where characters stand that read as no letters.
    pub(super) fn shown(&self, span: Span) -> String {
        let pieces = self.bytes(span).chunk_by(|a, b| a.is_ascii() == b.is_ascii());
        pieces.map(|it| str::from_utf8(it).ok().filter(|it| it.is_ascii()).unwrap_or("…")).collect()
    }

    /// The labels from left to right; the last is the registered one.
    pub(super) fn labels(&self) -> &[Span] {
        &self.labels[..self.label_count]
    }

    /// The tokens from left to right.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens[..self.token_count]
    }

    /// The hash of a span.
    pub(super) fn hash(&self, span: Span) -> u64 {
        self.hashes.of(span.start(), span.end())
    }

    /// Whether a character reads in a second way.
    pub(super) const fn has_second_reading(&self) -> bool {
        self.has_second_reading
    }

    /// Whether any label is an A-label.
    pub(super) const fn has_idn(&self) -> bool {
        self.has_idn
    }

    /// How many bytes of a span read from characters that are no ASCII letters.
    pub(super) fn foreign(&self, span: Span) -> usize {
        count(&self.foreign, span)
    }

    /// How many bytes of a span read from other letters, marked ones not counted.
    pub(super) fn alien(&self, span: Span) -> usize {
        count(&self.alien, span)
    }

    /// The label that a span stands in.
    pub(super) fn label_of(&self, span: Span) -> usize {
        self.labels()
            .iter()
            .position(|it| it.contains(span))
            .unwrap_or(self.label_count.saturating_sub(1))
    }

    /// Whether a label is the registered one.
    pub(super) const fn is_registered(&self, label: usize) -> bool {
        label + 1 == self.label_count
    }
}

fn count(bits: &[u64; TEXT_MAX / 64], span: Span) -> usize {
    (span.start()..span.end()).filter(|at| bits[at / 64] >> (at % 64) & 1 == 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::data;

    fn tokens(own: &str) -> Vec<String> {
        let mut view = View::new();
        view.fill(own, &Glyphs::parse(data::HOMOGLYPHS));
        view.tokens().iter().map(|it| view.shown(it.span)).collect()
    }

    #[test]
    fn names_are_cut_into_tokens() {
        assert_eq!(tokens("www.pay-pal_login"), ["www", "pay", "pal", "login"]);
        assert_eq!(tokens("xn--pypal-4ve"), ["paypal"]);
        assert_eq!(tokens("-a--b-"), ["a", "b"]);
    }

    #[test]
    fn a_view_that_is_lent_again_holds_nothing_of_the_name_before() {
        let glyphs = Glyphs::parse(data::HOMOGLYPHS);
        let read = |own: &str, view: &mut View| {
            view.fill(own, &glyphs);
            let whole = Span::new(0, view.len);
            let tokens: Vec<String> = view.tokens().iter().map(|it| view.shown(it.span)).collect();
            let hashes = (view.hash(whole), view.folded_hashes.of(0, view.folded_len));
            let foreign = (view.has_idn(), view.foreign(whole), view.alien(whole));
            (tokens, view.folded().to_vec(), view.labels().to_vec(), hashes, foreign)
        };
        for own in ["xn--pypal-4ve.secure-login-0nline", "a", "", "www.paypa1"] {
            let again = lend(|view| read(own, view));
            assert_eq!(again, read(own, &mut View::new()), "{own}");
        }
    }

    #[test]
    fn hosts_are_cut_where_their_owner_registered() {
        let check = |name: &str, own: &str, site: &str| {
            let cut = Cut::of(&Host::new(name)).unwrap();
            assert_eq!((cut.own, cut.site), (own, site), "{name}");
        };
        check("www.paypal.co.uk", "www.paypal", "paypal.co.uk");
        check("paypal.eu.org", "paypal", "paypal.eu.org");
        assert!(Cut::of(&Host::new("co.uk")).is_none());
        assert!(Cut::of(&Host::new("")).is_none());
    }
}
