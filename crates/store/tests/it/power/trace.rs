//! What a process did to files, as `strace` saw it: every call that changes a file or a name, with all bytes, in the order
//! in which the calls ended; and in between what the process said.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The calls that change files and names. Memory that is mapped is not seen: SQLite maps only what it makes anew.
const CALLS: &str = "trace=openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,fallocate,unlink,unlinkat,\
                     rename,renameat,renameat2,link,linkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,\
                     copy_file_range,sendfile,splice,lseek";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A file was opened that may not have been there.
    Create {
        path: PathBuf,
        is_emptied: bool,
    },
    Write {
        path: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    SetLength {
        path: PathBuf,
        length: usize,
    },
    MakeDirectory {
        path: PathBuf,
    },
    /// A second name.
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A name of a file or a directory was taken away.
    Remove {
        path: PathBuf,
    },
    /// A file or a directory was synced: what happened to it before event number `since` is safe.
    Sync {
        path: PathBuf,
        since: usize,
    },
    /// The process wrote this to its standard error.
    Said(String),
}

/// Runs a test of this binary, one that is ignored otherwise, in a process of its own, in this folder, and returns what it
/// did there. None where processes may not be traced.
pub(super) fn trace(test: &str, folder: &Path) -> Option<Vec<Event>> {
    let log = folder.with_extension("trace");
    let ran = Command::new("strace")
        .args(["-f", "-xx", "-y", "-s", "1000000", "-e", CALLS, "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads=1"])
        .env(super::FOLDER, folder)
        .stdin(Stdio::null())
        .output();
    let is_possible = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !is_possible.as_ref().is_ok_and(std::process::ExitStatus::success) {
        let note =
            format!("NOT TESTED: strace is not there, or may not trace processes here ({is_possible:?})\n");
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        return None;
    }
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    Some(Reader::default().read(&text, folder))
}

#[derive(Default)]
struct Reader {
    events: Vec<Event>,
    /// Calls that have begun in a thread, and before which event.
    begun: HashMap<String, (String, usize)>,
    /// How far files were written that are written without an offset.
    positions: HashMap<PathBuf, usize>,
}

impl Reader {
    /// Reads a log. Files outside the folder are nobody's business.
    fn read(mut self, log: &str, folder: &Path) -> Vec<Event> {
        for line in log.lines() {
            let (thread, rest) = line.split_once(' ').unwrap();
            let rest = rest.trim_start();
            if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
                self.begun.insert(thread.to_owned(), (begin.to_owned(), self.events.len()));
            } else if let Some(end) = rest.strip_prefix("<... ") {
                let (begin, since) = self.begun.remove(thread).unwrap();
                let (_, end) = end.split_once(" resumed>").unwrap();
                self.call(&format!("{begin}{end}"), since, folder);
            } else {
                self.call(rest, self.events.len(), folder);
            }
        }
        self.events
    }

    fn call(&mut self, call: &str, since: usize, folder: &Path) {
        // Signals, ends of processes, and calls that failed.
        let Some((call, result)) = call.rsplit_once(" = ") else { return };
        let Some((name, given)) = call.trim_end().split_once('(') else { return };
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        // All texts are in hexadecimal digits, so that no separator is in any.
        let given: Vec<&str> = given.strip_suffix(')').unwrap_or(given).split(", ").collect();
        if name == "write" && given[0].starts_with("2<") {
            return self.events.push(Event::Said(String::from_utf8(bytes(given[1])).unwrap()));
        }
        let is_ours = |path: &Path| path.starts_with(folder);
        let length = |text: &str| text.parse::<usize>().unwrap();
        let event = match name {
            "openat" | "open" => {
                let (path, flags) =
                    if name == "openat" { (given[1], given[2]) } else { (given[0], given[1]) };
                if !flags.contains("O_CREAT") && !flags.contains("O_TRUNC") {
                    return;
                }
                let path = quoted(path);
                self.positions.insert(path.clone(), 0);
                Event::Create { path, is_emptied: flags.contains("O_TRUNC") }
            }
            "pwrite64" => {
                let Some(path) = open_file(given[0]) else { return };
                let written = length(result);
                Event::Write { path, at: length(given[3]), bytes: bytes(given[1])[..written].to_vec() }
            }
            "write" => {
                let Some(path) = open_file(given[0]) else { return };
                let written = bytes(given[1])[..length(result)].to_vec();
                let position = self.positions.entry(path.clone()).or_default();
                let at = *position;
                *position += written.len();
                Event::Write { path, at, bytes: written }
            }
            // One file into another that is new; the source is one that nobody changes.
            "copy_file_range" | "sendfile" => {
                let (from, to) = if name == "sendfile" { (given[1], given[0]) } else { (given[0], given[2]) };
                let (Some(from), Some(path)) = (open_file(from), open_file(to)) else { return };
                let at = *self.positions.entry(path.clone()).or_default();
                let end = at + length(result);
                self.positions.insert(path.clone(), end);
                if !is_ours(&path) {
                    return;
                }
                Event::Write { path, at, bytes: std::fs::read(from).unwrap()[at..end].to_vec() }
            }
            "ftruncate" => {
                let Some(path) = open_file(given[0]) else { return };
                Event::SetLength { path, length: length(given[1]) }
            }
            "mkdir" => Event::MakeDirectory { path: quoted(given[0]) },
            "unlink" | "rmdir" => Event::Remove { path: quoted(given[0]) },
            "unlinkat" => Event::Remove { path: path_at(given[0], given[1]) },
            "link" | "rename" => two_names(name, quoted(given[0]), quoted(given[1])),
            "linkat" | "renameat" | "renameat2" => {
                two_names(name, path_at(given[0], given[1]), path_at(given[2], given[3]))
            }
            "fsync" | "fdatasync" => {
                let Some(path) = open_file(given[0]) else { return };
                Event::Sync { path, since }
            }
            "lseek" => return,
            // What is not understood must not be passed over.
            other => {
                let is_ours = given.iter().any(|given| open_file(given).is_some_and(|path| is_ours(&path)));
                assert!(!is_ours, "{other} is not known here: {call}");
                return;
            }
        };
        let is_within = match &event {
            Event::Create { path, .. }
            | Event::Write { path, .. }
            | Event::SetLength { path, .. }
            | Event::MakeDirectory { path }
            | Event::Remove { path }
            | Event::Sync { path, .. } => is_ours(path),
            Event::Link { to, .. } | Event::Rename { to, .. } => is_ours(to),
            Event::Said(_) => true,
        };
        if is_within {
            self.events.push(event);
        }
    }
}

fn two_names(name: &str, from: PathBuf, to: PathBuf) -> Event {
    if name.starts_with("link") { Event::Link { from, to } } else { Event::Rename { from, to } }
}

/// The bytes of a text in quotes.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.trim_matches(|sign| sign == '"' || sign == '<' || sign == '>');
    let digits = digits.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

fn quoted(text: &str) -> PathBuf {
    String::from_utf8(bytes(text)).unwrap().into()
}

/// The file that a descriptor is open on; none when it has no name any more, or never had one.
fn open_file(text: &str) -> Option<PathBuf> {
    let (_, named) = text.split_once('<')?;
    let path = named.strip_suffix('>')?;
    Some(quoted(path)).filter(|path| path.is_absolute())
}

fn path_at(directory: &str, path: &str) -> PathBuf {
    open_file(directory).unwrap_or_default().join(quoted(path))
}

#[test]
fn log_of_strace_is_read() {
    let folder = Path::new("/a");
    let log = r#"1  openat(AT_FDCWD<\x2f>, "\x2f\x61\x2f\x62", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<\x2f\x61\x2f\x62>
1  pwrite64(3<\x2f\x61\x2f\x62>, "\x01\x2c\x22", 3, 7 <unfinished ...>
2  write(2</dev/pts/1>, "\x68\x69", 2) = 2
1  <... pwrite64 resumed>) = 3
1  fsync(3<\x2f\x61\x2f\x62> <unfinished ...>
2  unlink("\x2f\x61\x2f\x63") = -1 ENOENT (No such file or directory)
2  ftruncate(4<\x2f\x61\x2f\x63>, 5) = 0
1  <... fsync resumed>) = 0
1  pwrite64(3<\x2f\x61\x2f\x62>(deleted), "\x01", 1, 0) = 1
1  write(5<\x2f\x74>, "\x01", 1) = 1
1  rename("\x2f\x61\x2f\x62", "\x2f\x61\x2f\x64") = 0
1  +++ exited with 0 +++
"#;
    let [b, c, d] = ["/a/b", "/a/c", "/a/d"].map(PathBuf::from);
    let expected = [
        Event::Create { path: b.clone(), is_emptied: false },
        Event::Said("hi".to_owned()),
        Event::Write { path: b.clone(), at: 7, bytes: vec![1, 0x2c, 0x22] },
        Event::SetLength { path: c, length: 5 },
        Event::Sync { path: b.clone(), since: 3 },
        Event::Rename { from: b, to: d },
    ];
    assert_eq!(Reader::default().read(log, folder), expected);
}
