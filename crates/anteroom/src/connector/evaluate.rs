//! Decides requests line by line: JSON in, JSON out, in order. Whoever checks their integration config, or another
//! connector against this one, needs no Rust for it.

use std::io::{self, BufReader, BufWriter, Read, Write};

use anteroom_connector::ask::{Answers, DirectPassAnswer, Step, VerifyAnswer};
use anteroom_connector::view::RequestView;
use serde::Serialize;

use super::answer::{Answer, BadLine};
use super::case::{self, Case};
use super::lines::{self, LINE_BYTES_MAX, Line};
use super::policies::Policies;
use super::reason;
use crate::failure::Failure;

/// Answers every line until there is no more, or nobody listens.
pub(super) fn run(input: impl Read, output: impl Write) -> Result<(), Failure> {
    match answer_all(input, output) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        answered => Ok(answered?),
    }
}

fn answer_all(input: impl Read, output: impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut output = BufWriter::with_capacity(1 << 16, output);
    let mut policies = Policies::default();
    let mut buffer = Vec::new();
    loop {
        match lines::next(&mut input, &mut buffer, LINE_BYTES_MAX)? {
            Line::End => return output.flush(),
            Line::TooLong => {
                let error = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                write(&mut output, &BadLine { id: serde_json::Value::Null, error })?;
            }
            Line::Whole => answer(&buffer, &mut policies, &mut output)?,
        }
        // Somebody may wait for this answer before they ask the next question.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}

fn answer(line: &[u8], policies: &mut Policies, output: &mut impl Write) -> io::Result<()> {
    let case = match case::read(line) {
        Ok(case) => case,
        Err(error) => return write(output, &BadLine { id: case::id_alone(line), error }),
    };
    match policies.get(&case) {
        Err(error) => write(output, &Answer::undecided(case.id, error)),
        Ok(ready) => {
            let view = RequestView {
                method: &case.request.method,
                url: &case.request.url,
                headers: &case.request.headers.0,
                client_ip: case.request.client_ip,
                body: case.request.body.as_deref(),
            };
            let mut answers = answers(&case);
            let decision = loop {
                match ready.policy.step(&view, case.now, &answers) {
                    Step::Decided(decision) => break decision,
                    Step::Ask(question) => answers.give_up(&question),
                }
            };
            let reason = reason::sentence(&decision, &ready.config, &view);
            write(output, &Answer::of(case.id, &decision, reason, case.now))
        }
    }
}

/// What the rooms and the site of a case say when they are asked.
fn answers(case: &Case<'_>) -> Answers {
    let verify = case.verify_action_allowed.map(|is_allowed| match is_allowed {
        true => VerifyAnswer::Allowed,
        false => VerifyAnswer::Denied,
    });
    let direct_pass = case.direct_pass.as_ref().and_then(|direct_pass| match direct_pass.has_passed {
        Some(true) => Some(DirectPassAnswer::Passed { queue_token: direct_pass.queueit_token.clone() }),
        Some(false) => Some(DirectPassAnswer::NotPassed),
        None => None,
    });
    Answers { verify, direct_pass, enqueue_token: case.enqueue_token.clone() }
}

fn write(output: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")
}
