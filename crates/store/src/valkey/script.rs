//! The two scripts: how they are asked and what they answer.

use std::time::Duration;

use redis::{ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, Value};
use tokio::time::sleep;

use super::Inner;
use super::error::{is_refused_for_now, not_understood};
use super::link::{ANSWER_WAIT_MAX, Links};
use crate::backend::{Document, Key, Version, Write};

/// How many digits of the version stand before a document's bytes.
const VERSION_DIGITS: usize = 20;
/// How long replicas may take to have a save.
const REPLICAS_WAIT_MAX: Duration = Duration::from_secs(1);
const _: () = assert!(REPLICAS_WAIT_MAX.as_secs() < ANSWER_WAIT_MAX.as_secs());
/// How many times a server is asked that refuses for the moment, as while a cluster moves a segment.
const TRIES_MAX: u32 = 4;
const TRY_AGAIN_FIRST: Duration = Duration::from_millis(25);
/// Longest expiry that a server is told of; what is kept longer is kept for good.
const KEPT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub(super) struct Scripts {
    save: (&'static str, Script),
    load: (&'static str, Script),
}

/// What every answer tells beside what was asked.
pub(super) struct Seen {
    /// The newest version of the segment.
    pub(super) newest: Version,
    /// When the question was asked, on our clock.
    pub(super) asked: i64,
    /// The server's clock.
    pub(super) server_time: Duration,
}

pub(super) struct Read {
    pub(super) seen: Seen,
    pub(super) found: Vec<Option<Document>>,
}

pub(super) enum Wrote {
    Done {
        seen: Seen,
        /// How many replicas have it.
        replicas: u32,
    },
    Refused {
        seen: Seen,
        current: Vec<Option<Document>>,
    },
}

impl Scripts {
    pub(super) fn new() -> Self {
        let script = |text: &'static str| (text, Script::new(text));
        Self { save: script(include_str!("save.lua")), load: script(include_str!("load.lua")) }
    }
}

impl Inner {
    /// What stands under these keys, all of this segment.
    pub(super) async fn read(&self, segment: &str, keys: &[&Key]) -> RedisResult<Read> {
        let names = self.names(segment, keys.iter().copied());
        let asked = self.clock.asked();
        let links = &self.links[0];
        let answers = self.run(links, segment, &self.scripts.load, &names, &[], false).await?;
        let mut answer = parts(answers.into_iter().next())?;
        let seen = seen(&mut answer, asked)?;
        let found = documents(answer.next(), keys.len())?;
        Ok(Read { seen, found })
    }

    /// Makes these writes or none, all of this segment.
    pub(super) async fn write(&self, segment: &str, writes: &[Write]) -> RedisResult<Wrote> {
        let names = self.names(segment, writes.iter().map(|write| &write.key));
        let now = self.clock.now();
        let mut arguments: Vec<Vec<u8>> = Vec::with_capacity(3 + 3 * writes.len());
        arguments.push(self.floor().0.to_string().into_bytes());
        arguments.push(self.channel.clone().into_bytes());
        arguments.push(segment.as_bytes().to_vec());
        for write in writes {
            arguments.push(write.expected.map_or_else(Vec::new, digits));
            let keep = write.expires_at.map(|moment| moment.saturating_since(now));
            let keep = keep.filter(|keep| *keep <= KEPT_MAX).map(|keep| keep.as_millis().to_string());
            arguments.push(keep.unwrap_or_default().into_bytes());
            arguments.push(write.bytes.clone());
        }
        let waits = self.options.wait_replicas > 0;
        let asked = self.clock.asked();
        let answers =
            self.run(self.saving(segment), segment, &self.scripts.save, &names, &arguments, waits).await?;
        let mut answers = answers.into_iter();
        let mut answer = parts(answers.next())?;
        let is_done = matches!(answer.next(), Some(Value::Int(1)));
        let seen = seen(&mut answer, asked)?;
        if is_done {
            let replicas = match answers.next() {
                Some(Value::Int(count)) => u32::try_from(count).unwrap_or(0),
                _ => 0,
            };
            return Ok(Wrote::Done { seen, replicas });
        }
        let current = documents(answer.next(), writes.len())?;
        Ok(Wrote::Refused { seen, current })
    }

    /// The newest versions of these segments, 0 where there is none.
    pub(super) async fn newest_of(&self, segments: &[Box<str>]) -> RedisResult<Vec<Version>> {
        let mut command = redis::cmd("MGET");
        for segment in segments {
            command.arg(self.progress(segment));
        }
        let links = &self.links[0];
        let mut link = links.link().await?;
        let answer = link.send_by_keys(&command).await.inspect_err(|error| links.note(&link, error))?;
        parts(Some(answer))?
            .map(|value| if value == Value::Nil { Ok(Version(0)) } else { version(&value) })
            .collect()
    }

    /// Runs a script, and waits for replicas behind it when asked to. Asks again while the server refuses for the moment.
    async fn run(
        &self,
        links: &Links,
        segment: &str,
        (text, script): &(&'static str, Script),
        names: &[String],
        arguments: &[Vec<u8>],
        waits: bool,
    ) -> RedisResult<Vec<Value>> {
        let commands = |name: &str, which: &str| {
            let mut pipeline = Pipeline::new();
            pipeline.cmd(name).arg(which).arg(names.len()).arg(names).arg(arguments);
            if waits {
                let wait_ms = u64::try_from(REPLICAS_WAIT_MAX.as_millis()).unwrap_or(u64::MAX);
                pipeline.cmd("WAIT").arg(self.options.wait_replicas).arg(wait_ms);
            }
            pipeline
        };
        let mut tries = 1;
        loop {
            let mut result = send(links, segment, commands("EVALSHA", script.get_hash())).await;
            // A server that is new or was flushed does not know the script. It has done nothing.
            if let Err(error) = &result
                && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
            {
                result = send(links, segment, commands("EVAL", text)).await;
            }
            match result {
                Err(error) if is_refused_for_now(&error) && tries < TRIES_MAX => {
                    sleep(TRY_AGAIN_FIRST * 2_u32.pow(tries - 1)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn saving(&self, segment: &str) -> &Links {
        let others = self.links.len() - 1;
        if others == 0 {
            return &self.links[0];
        }
        let sum = crc16::State::<crc16::XMODEM>::calculate(segment.as_bytes());
        &self.links[1 + usize::from(sum) % others]
    }

    fn progress(&self, segment: &str) -> String {
        format!("{}{{{segment}}}", self.options.prefix)
    }

    fn names<'a>(&self, segment: &str, keys: impl Iterator<Item = &'a Key>) -> Vec<String> {
        let progress = self.progress(segment);
        let names: Vec<String> =
            keys.map(|key| format!("{progress}{}", &key.as_str()[segment.len()..])).collect();
        std::iter::once(progress).chain(names).collect()
    }
}

/// Sends these commands once.
async fn send(links: &Links, segment: &str, commands: Pipeline) -> RedisResult<Vec<Value>> {
    let mut link = links.link().await?;
    let sent = link.send(segment, commands).await;
    let checked: RedisResult<Vec<Value>> =
        sent.and_then(|answers| answers.into_iter().map(Value::extract_error).collect());
    checked.inspect_err(|error| links.note(&link, error))
}

fn digits(version: Version) -> Vec<u8> {
    format!("{:0VERSION_DIGITS$}", version.0).into_bytes()
}

fn parts(answer: Option<Value>) -> RedisResult<std::vec::IntoIter<Value>> {
    match answer {
        Some(Value::Array(parts)) => Ok(parts.into_iter()),
        _ => Err(not_understood("a list was expected")),
    }
}

/// The segment's newest version, then the server's clock.
fn seen(answer: &mut std::vec::IntoIter<Value>, asked: i64) -> RedisResult<Seen> {
    let newest = version(&answer.next().unwrap_or_default())?;
    let mut time = parts(answer.next())?;
    let mut figure = || number(&time.next().unwrap_or_default());
    let server_time = Duration::from_secs(figure()?) + Duration::from_micros(figure()?);
    Ok(Seen { newest, asked, server_time })
}

fn version(value: &Value) -> RedisResult<Version> {
    number(value).map(Version)
}

fn number(value: &Value) -> RedisResult<u64> {
    redis::from_redis_value_ref(value).map_err(RedisError::from)
}

fn documents(answer: Option<Value>, count: usize) -> RedisResult<Vec<Option<Document>>> {
    let found: Vec<_> = parts(answer)?.map(document).collect::<RedisResult<_>>()?;
    if found.len() == count { Ok(found) } else { Err(not_understood("one answer for each key was expected")) }
}

fn document(value: Value) -> RedisResult<Option<Document>> {
    let mut bytes = match value {
        Value::Nil => return Ok(None),
        Value::BulkString(bytes) => bytes,
        _ => return Err(not_understood("a text was expected")),
    };
    let head = bytes.get(..VERSION_DIGITS).and_then(|head| std::str::from_utf8(head).ok());
    let Some(version) = head.and_then(|head| head.parse().ok()).map(Version) else {
        return Err(not_understood("a document without a version"));
    };
    bytes.drain(..VERSION_DIGITS);
    Ok(Some(Document { version, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_document_of_ours_is_not_taken_for_one() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let found = document(text("00000000000000000007body")).unwrap();
        assert_eq!(found, Some(Document { version: Version(7), bytes: b"body".to_vec() }));
        assert_eq!(document(Value::Nil).unwrap(), None);
        for strange in ["", "7", "0000000000000000000x", "-0000000000000000007", "é000000000000000000"] {
            assert!(document(text(strange)).is_err(), "{strange}");
        }
        assert!(document(Value::Int(7)).is_err());
    }

    #[test]
    fn scripts_fit_on_a_page() {
        for script in [include_str!("save.lua"), include_str!("load.lua")] {
            assert!(script.lines().count() <= 45);
        }
    }
}
