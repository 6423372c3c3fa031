//! Messages out of a stream: two octets of length, then the message (RFC 1035 section 4.2.2).

use super::{
    front::Received,
    rooms::{Room, Rooms},
    udp::PACKET_LEN_MAX,
};

/// Octets of the length before each message.
const LENGTH_LEN: usize = 2;
/// Octets of the buffer as long as no long message is coming.
const USUAL_LEN: usize = LENGTH_LEN + PACKET_LEN_MAX;

/// A buffer that stream octets go into and whole messages come out of. It grows for a message that is longer than [`PACKET_LEN_MAX`],
/// where there is room for that; else the head is kept and the rest passed over.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Octets still to come of a message whose head has been handed out.
    skip: usize,
    rooms: Rooms,
    /// While the buffer is longer than usual.
    room: Option<Room>,
}

impl Frames {
    pub(super) fn new(rooms: Rooms) -> Self {
        let buffer = vec![0; USUAL_LEN].into();
        Self { buffer, start: 0, end: 0, skip: 0, rooms, room: None }
    }

    /// Where the next octets of the stream go. Never empty once [`Frames::next`] has returned `None`.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.room.is_some() && self.start > 0 && self.end - self.start < USUAL_LEN {
            self.resize(USUAL_LEN);
            self.room = None;
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Takes note of `len` octets written to [`Frames::space`].
    pub(super) fn filled(&mut self, len: usize) {
        self.end += len;
        self.pass_over();
    }

    /// The next whole message, or the head of one that is too long.
    pub(super) fn next(&mut self) -> Option<Received<'_>> {
        let length = self.buffer[self.start..self.end].first_chunk::<LENGTH_LEN>()?;
        let len = usize::from(u16::from_be_bytes(*length));
        if LENGTH_LEN + len > self.buffer.len() {
            self.grow(LENGTH_LEN + len);
        }
        let kept = len.min(self.buffer.len() - LENGTH_LEN);
        if self.end - self.start < LENGTH_LEN + kept {
            return None;
        }
        let at = self.start + LENGTH_LEN;
        self.start = at + kept;
        self.skip = len - kept;
        self.pass_over();
        Some(Received { packet: &self.buffer[at..at + kept], cut: len > kept })
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_partial(&self) -> bool {
        self.start < self.end || self.skip > 0
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        if self.room.is_none() {
            self.room = self.rooms.take(len);
        }
        if self.room.is_some() {
            self.resize(len);
        }
    }

    /// Moves what is unread, which fits, into a buffer of another length.
    fn resize(&mut self, len: usize) {
        let mut buffer = vec![0; len].into_boxed_slice();
        let unread = &self.buffer[self.start..self.end];
        buffer[..unread.len()].copy_from_slice(unread);
        (self.start, self.end) = (0, unread.len());
        self.buffer = buffer;
    }

    fn pass_over(&mut self) {
        let passed = self.skip.min(self.end - self.start);
        self.start += passed;
        self.skip -= passed;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rooms::LONG_QUERIES_MAX, *};
    use proptest::prelude::*;

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        let framed = |it: &Vec<u8>| [&(it.len() as u16).to_be_bytes()[..], it].concat();
        messages.iter().flat_map(framed).collect()
    }

    /// Feeds `stream` in pieces of the given sizes and collects what comes out.
    fn feed(
        rooms: &Rooms,
        stream: &[u8],
        sizes: impl IntoIterator<Item = usize>,
    ) -> (Vec<(Vec<u8>, bool)>, bool) {
        let mut frames = Frames::new(rooms.clone());
        let (mut found, mut rest) = (Vec::new(), stream);
        for size in sizes {
            let space = frames.space();
            let len = size.min(space.len()).min(rest.len());
            space[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            frames.filled(len);
            while let Some(it) = frames.next() {
                found.push((it.packet.to_vec(), it.cut));
            }
            assert!(!frames.space().is_empty());
        }
        assert!(rest.is_empty());
        // No more is held than what has to be.
        assert!(frames.is_partial() || frames.buffer.len() == USUAL_LEN && frames.room.is_none());
        (found, frames.is_partial())
    }

    fn whole(messages: &[Vec<u8>]) -> Vec<(Vec<u8>, bool)> {
        messages.iter().map(|it| (it.clone(), false)).collect()
    }

    fn heads(messages: &[Vec<u8>]) -> Vec<(Vec<u8>, bool)> {
        let head = |it: &Vec<u8>| it[..it.len().min(PACKET_LEN_MAX)].to_vec();
        messages.iter().map(|it| (head(it), it.len() > PACKET_LEN_MAX)).collect()
    }

    #[test]
    fn splits_and_joins() {
        let messages = [
            vec![1; 12],
            vec![],
            vec![2; 4096],
            vec![3; 4097],
            vec![4; 65_535],
            vec![5; 5000],
            vec![6; 7000],
            vec![7],
        ];
        let stream = framed(&messages);
        let (rooms, none) = (Rooms::new(), Rooms::new());
        let held: Vec<_> = (0..LONG_QUERIES_MAX).map(|_| none.take(5000)).collect();
        for size in [1, 2, 3, 13, 4097, 4098, 9000] {
            let check = |rooms: &Rooms, expected| {
                let fed = feed(rooms, &stream, std::iter::repeat_n(size, stream.len()));
                assert_eq!(fed, (expected, false), "in pieces of {size}");
            };
            check(&rooms, whole(&messages));
            check(&none, heads(&messages));
        }
        drop(held);
        assert_eq!(feed(&none, &stream, [4096; 100]).0, whole(&messages));
    }

    #[test]
    fn knows_what_is_unfinished() {
        let stream = framed(&[vec![1; 12], vec![2; 5000]]);
        for (len, expected) in [
            (0, false),
            (1, true),
            (14, false),
            (15, true),
            (4112, true),
            (5015, true),
            (5016, false),
        ] {
            assert_eq!(
                feed(&Rooms::new(), &stream[..len], std::iter::repeat_n(100, 60)).1,
                expected,
                "{len}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_cut_yields_the_same(
            lens in proptest::collection::vec(0_usize..6000, 0..8),
            sizes in proptest::collection::vec(1_usize..5000, 1..50),
        ) {
            let messages: Vec<Vec<u8>> = lens.iter().enumerate().map(|(at, &len)| vec![at as u8; len]).collect();
            let stream = framed(&messages);
            let endless = sizes.iter().copied().cycle().take(stream.len() + 1);
            prop_assert_eq!(feed(&Rooms::new(), &stream, endless), (whole(&messages), false));
        }
    }
}
