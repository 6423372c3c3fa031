//! Two validators over one exchange with one upstream: ours, and hickory's `DnssecDnsHandle`.

use super::{Data, Message, Scripted, Tree};
use futures_util::stream::{self, Stream};
use hickory_net::{
    DnsError, DnsHandle, NetError,
    dnssec::DnssecDnsHandle,
    proto::{
        dnssec::{DnssecSummary, Proof, TrustAnchors},
        op::{self, DnsRequest, DnsRequestOptions, DnsResponse},
        rr,
    },
    runtime::TokioRuntimeProvider,
    xfer::FirstAnswer as _,
};
use squint::{
    dns::{Answer, Query, Rcode, Reply, Way, rtype},
    dnssec::{Anchors, Judged, Validator},
    name::Name,
    upstream::{Ask, Exchange, Strategy, Upstreams, Url},
};
use std::{
    collections::BTreeSet,
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::{Arc, Mutex},
};

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    Secure,
    Plain,
    Bogus,
}

/// What was made of one question.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The rcode that a client would get.
    pub(crate) status: String,
    pub(crate) worth: Worth,
    /// Questions to the upstream besides the one itself.
    pub(crate) asked: u32,
    /// How many of hickory's were for NS records.
    pub(crate) asked_ns: u32,
    /// All that the validator says of what is wrong.
    pub(crate) told: String,
}

/// Our exchange as hickory asks it.
#[derive(Clone)]
struct Handle {
    upstreams: Arc<Upstreams>,
    asked: Arc<Mutex<Vec<u16>>>,
}

/// Both validators, with nothing in mind yet.
pub(crate) struct Judges {
    handle: Handle,
    squint: Validator,
    hickory: DnssecDnsHandle<Handle>,
}

impl Judges {
    /// They trust the root of `tree` and ask `upstream`.
    pub(crate) fn new(tree: &Tree, upstream: SocketAddr) -> Self {
        let exchange = Exchange::start().unwrap();
        let upstreams = Upstreams::new(exchange, &[Url::Udp(upstream)], Strategy::default());
        let handle = Handle { upstreams: Arc::new(upstreams.unwrap()), asked: Arc::default() };
        let data = Data::new();
        data.write("anchors", &tree.anchors);
        let squint = Validator::new(Anchors::of_file(&data.path().join("anchors")).unwrap());
        let anchors: TrustAnchors = tree.root_key().parse().unwrap();
        let hickory = DnssecDnsHandle::with_trust_anchor(handle.clone(), Arc::new(anchors));
        Self { handle, squint, hickory }
    }

    pub(crate) async fn squint(&self, name: &str, qtype: &str) -> Judgement {
        let (name, qtype) = (Name::parse(name).unwrap(), rtype::parse(qtype).unwrap());
        let answer = self.handle.ask(&name, qtype).await.unwrap();
        let upstreams = &self.handle.upstreams;
        let (judged, asked) =
            self.squint.validate(upstreams, (&name, qtype), &answer, |_| false).await;
        let (worth, told) = match judged {
            Judged::Secure(_) => (Worth::Secure, String::new()),
            Judged::Insecure => (Worth::Plain, String::new()),
            Judged::Bogus(fault) => (Worth::Bogus, fault.code.to_string()),
            other => panic!("{other:?}"),
        };
        let status = status(worth, &answer.rcode().name());
        Judgement { status, worth, asked, asked_ns: 0, told }
    }

    /// What hickory's own server would make of its validator's answer: AD where all answers are secure, or all authorities where
    /// there are no answers.
    pub(crate) async fn hickory(&self, name: &str, qtype: &str) -> Judgement {
        self.handle.asked.lock().unwrap().clear();
        let name = rr::Name::from_ascii(format!("{name}.")).unwrap();
        let query = op::Query::query(name, rtype::parse(qtype).unwrap().into());
        let found = self.hickory.lookup(query, DnsRequestOptions::default()).first_answer().await;
        let asked = std::mem::take(&mut *self.handle.asked.lock().unwrap());
        let count = |is_it: fn(&&u16) -> bool| asked.iter().filter(is_it).count() as u32;
        let (response, proof) = match &found {
            Ok(response) => (response, None),
            Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) => {
                (&**response, Some(*proof))
            }
            Err(other) => panic!("{other:?}"),
        };
        let records = match &response.answers[..] {
            [] => &response.authorities,
            answers => answers,
        };
        let worth = match (proof, DnssecSummary::from_records(records.iter())) {
            (Some(Proof::Bogus), _) | (_, DnssecSummary::Bogus) => Worth::Bogus,
            (None | Some(Proof::Secure), DnssecSummary::Secure) => Worth::Secure,
            _ => Worth::Plain,
        };
        let proofs: BTreeSet<Proof> = records.iter().map(|it| it.proof).collect();
        let told = format!("{proof:?} {proofs:?}");
        let rcode = Rcode(response.response_code.into()).name();
        let (asked, asked_ns) = (count(|_| true) - 1, count(|it| **it == rtype::NS));
        Judgement { status: status(worth, &rcode), worth, asked, asked_ns, told }
    }
}

impl Handle {
    /// As our validator asks.
    async fn ask(&self, name: &Name, qtype: u16) -> Result<Answer, NetError> {
        self.asked.lock().unwrap().push(qtype);
        let ask = Ask { dnssec_ok: true, checking_disabled: true, ..Ask::new(name.clone(), qtype) };
        let found = self.upstreams.forward(&ask).await;
        found.map(|it| it.answer).map_err(|it| NetError::from(it.to_string()))
    }
}

impl DnsHandle for Handle {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let handle = self.clone();
        Box::pin(stream::once(async move {
            let packet = request.to_vec()?;
            let query = &Query::parse(&packet).expect("hickory writes sound queries");
            let answer = &handle.ask(&query.name, query.qtype).await?;
            let (way, mut reply) = (Way::STREAM, Vec::new());
            Reply { answer, query, age_secs: 0, ttl_secs_override: None, ede: None, way }
                .write(&mut reply);
            Ok(DnsResponse::from_buffer(reply)?)
        }))
    }
}

/// An upstream that hands on what `server` says, after `edit` has been at it.
pub(crate) fn meddler(
    server: SocketAddr,
    edit: impl Fn(&str, &mut op::Message) + Send + 'static,
) -> Scripted {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    Scripted::start(move |name, Message(query)| {
        let mut buffer = [0; 4_096];
        socket.send(query).unwrap();
        let len = socket.recv(&mut buffer).unwrap();
        let mut message = op::Message::from_vec(&buffer[..len]).unwrap();
        edit(name, &mut message);
        Some(message.to_vec().unwrap())
    })
}

fn status(worth: Worth, rcode: &str) -> String {
    if worth == Worth::Bogus { "SERVFAIL" } else { rcode }.to_owned()
}
