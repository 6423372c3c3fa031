//! DNS messages by hand, for what ready-made clients do not send and servers do not reply.

/// A query with one question, RD set, without EDNS.
pub(crate) fn query(id: u16, name: &str, rtype: u16) -> Vec<u8> {
    let mut packet = Vec::with_capacity(64);
    packet.extend(id.to_be_bytes());
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|it| !it.is_empty()) {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.as_bytes());
    }
    packet.push(0);
    packet.extend(rtype.to_be_bytes());
    packet.extend([0, 1]);
    packet
}

/// The little that the tests read of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a>(pub(crate) &'a [u8]);

impl Message<'_> {
    pub(crate) fn id(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(crate) fn rcode(&self) -> u8 {
        self.0[3] & 15
    }

    pub(crate) fn answers(&self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    /// Where the question ends.
    fn question_end(&self) -> usize {
        let mut at = 12;
        while self.0[at] != 0 {
            at += 1 + usize::from(self.0[at]);
        }
        at + 5
    }

    /// The name asked for, in lower case.
    pub(crate) fn name(&self) -> String {
        let (mut name, mut at) = (String::new(), 12);
        while self.0[at] != 0 {
            let end = at + 1 + usize::from(self.0[at]);
            let label = String::from_utf8_lossy(&self.0[at + 1..end]).to_lowercase();
            name = if name.is_empty() { label } else { format!("{name}.{label}") };
            at = end;
        }
        name
    }

    /// A reply to this query without records.
    pub(crate) fn reply_with(&self, rcode: u8) -> Vec<u8> {
        let mut reply = self.0[..self.question_end()].to_vec();
        reply[2] |= 0x80;
        reply[3] = 0x80 | rcode;
        reply[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        reply
    }

    /// A reply to this query with one A record, 192.0.2.1 for 60 seconds.
    pub(crate) fn reply(&self) -> Vec<u8> {
        let mut reply = self.0[..self.question_end()].to_vec();
        reply[2] |= 0x80;
        reply[3] = 0x80;
        reply[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        reply
    }
}
