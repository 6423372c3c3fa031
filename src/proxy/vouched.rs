//! Asking upstream with the answer validated, where that is wanted: what is served is the upstream's answer, with AD as we found it.

use super::{Proxy, router::Ways};
use crate::{
    dns::{Answer, Ede, class},
    dnssec::{Anchors, Judged, Validator},
    name::Name,
    upstream::{Ask, ForwardError, Forwarded, Upstreams},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};
use tokio::time::timeout_at;

/// How answers are validated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dnssec {
    /// Whose keys are trusted.
    pub anchors: Anchors,
    /// Domains whose names are not validated, by the upstream neither.
    pub negative_anchors: Vec<Name>,
}

impl Proxy {
    /// The answer to a question, validated where its route says so.
    pub(super) async fn forward(
        &self,
        (ways, route): (&Ways, u16),
        upstreams: &Upstreams,
        ask: &Ask,
        until: Instant,
    ) -> Result<Forwarded, ForwardError> {
        let forwarded = match ways.validator(route) {
            None if ways.is_unchecked(route) => {
                // An upstream that validates would refuse what is broken.
                let ask = Ask { checking_disabled: true, ..ask.clone() };
                let mut forwarded = upstreams.forward_until(&ask, until).await?;
                forwarded.answer.set_authentic(false);
                forwarded
            }
            None => {
                let mut forwarded = upstreams.forward_until(ask, until).await?;
                if ways.vouches() {
                    forwarded.answer.set_authentic(false);
                }
                forwarded
            }
            Some(validator) if ask.qclass == class::IN && !ask.checking_disabled => {
                self.forward_validated((ways, validator), upstreams, ask, until).await?
            }
            Some(_) => {
                // AD is our word here, and we have not looked.
                let mut forwarded = upstreams.forward_until(ask, until).await?;
                forwarded.answer.set_authentic(false);
                forwarded
            }
        };
        ways.within(route, forwarded)
    }

    async fn forward_validated(
        &self,
        (ways, validator): (&Ways, &Validator),
        upstreams: &Upstreams,
        ask: &Ask,
        until: Instant,
    ) -> Result<Forwarded, ForwardError> {
        // Signatures always, and without the upstream's judgement (RFC 6840 section 5.9).
        let signed = Ask { dnssec_ok: true, checking_disabled: true, ..ask.clone() };
        let Forwarded { mut answer, server } = upstreams.forward_until(&signed, until).await?;
        answer.set_authentic(false);
        let question = (&ask.name, ask.qtype);
        let judging = validator.validate(upstreams, question, &answer, |it| ways.is_exempt(it));
        let (judged, exchanges) = timeout_at(until.into(), judging)
            .await
            .unwrap_or((Judged::Unreachable(ForwardError::Timeout), 0));
        let counters = self.metrics.here();
        counters.dnssec_exchanges.add(exchanges.into());
        let failure = |code, text: &str| {
            Answer::failure(&ask.name, ask.qtype, ask.qclass, Ede { code, text })
        };
        let answer = match judged {
            Judged::Secure(ttl_secs_max) => {
                counters.dnssec_secure.bump();
                answer.set_authentic(true);
                answer.clamp_ttls(0..=ttl_secs_max);
                for_client(answer, ask)
            }
            Judged::Insecure => {
                counters.dnssec_insecure.bump();
                for_client(answer, ask)
            }
            Judged::Bogus(fault) => {
                counters.dnssec_bogus.bump();
                failure(fault.code, &fault.text)
            }
            Judged::Unreachable(error) => {
                counters.dnssec_unreachable.bump();
                let text = format!("the signatures could not be validated: {error}");
                failure(Ede::DNSSEC_INDETERMINATE, &text)
            }
            Judged::Waiting => {
                counters.dnssec_waiting.bump();
                self.report_clock();
                answer.forget_lifetime();
                for_client(answer, ask)
            }
        };
        Ok(Forwarded { answer, server })
    }

    /// Says once that the clock is wrong, and what that means.
    fn report_clock(&self) {
        if !self.clock_told.swap(true, Relaxed) {
            tracing::warn!(
                "the clock is wrong: answers are passed without validation until it is set"
            );
        }
    }
}

/// The answer as the client asked for it: signatures for those alone who want them.
fn for_client(mut answer: Answer, ask: &Ask) -> Answer {
    if !ask.dnssec_ok {
        answer.strip_dnssec();
    }
    answer
}

/// A validator for these anchors; the one there is where it trusts the same.
pub(super) fn validator(dnssec: &Dnssec, held: Option<&Arc<Validator>>) -> Arc<Validator> {
    match held {
        Some(held) if *held.anchors() == dnssec.anchors => Arc::clone(held),
        _ => Arc::new(Validator::new(dnssec.anchors.clone())),
    }
}
