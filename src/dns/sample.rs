//! Messages for tests, put together octet by octet.

use super::{class, wire::Header};

/// A message with one question, to which records are added in the order of the sections.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    header: Header,
    octets: Vec<u8>,
}

impl Sample {
    /// A message with a question; `name` is in wire form.
    pub(super) fn new(id: u16, flags: u16, name: &[u8], qtype: u16, qclass: u16) -> Self {
        let header = Header { id, flags, questions: 1, answers: 0, authorities: 0, additionals: 0 };
        let octets = [name, &qtype.to_be_bytes(), &qclass.to_be_bytes()].concat();
        Self { header, octets }
    }

    /// Adds a record to the answer section.
    pub(super) fn answer(mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Self {
        self.header.answers += 1;
        self.record(owner, rtype, ttl, rdata)
    }

    /// Adds a record to the authority section.
    pub(super) fn authority(mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Self {
        self.header.authorities += 1;
        self.record(owner, rtype, ttl, rdata)
    }

    /// Adds a record to the additional section. For OPT the class, its UDP payload size, is 1.
    pub(super) fn additional(mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Self {
        self.header.additionals += 1;
        self.record(owner, rtype, ttl, rdata)
    }

    /// Sets the counts to what is not there.
    pub(super) fn counts(
        mut self,
        questions: u16,
        answers: u16,
        authorities: u16,
        additionals: u16,
    ) -> Self {
        self.header = Header { questions, answers, authorities, additionals, ..self.header };
        self
    }

    /// The message.
    pub(super) fn octets(self) -> Vec<u8> {
        [self.header.octets().as_slice(), &self.octets].concat()
    }

    fn record(mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Self {
        self.octets.extend_from_slice(owner);
        self.octets.extend_from_slice(&rtype.to_be_bytes());
        self.octets.extend_from_slice(&class::IN.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        self.octets.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
        self.octets.extend_from_slice(rdata);
        self
    }
}
