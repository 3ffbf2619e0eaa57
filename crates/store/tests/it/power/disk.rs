//! What a folder may look like after the power failed, as a model of a file system that keeps its word and nothing more.
//!
//! What was synced is there. Of what came later, each write may be there, be lost, or be torn: of its sectors of 512
//! bytes any may be there. Lengths and contents are independent. Names that were given or taken away since their
//! directory was synced survive up to some moment and not beyond, because file systems keep names in order; a file whose
//! name survives need not have its bytes, and the sync of a file does not save its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::trace::Event;
use crate::support::Random;

const SECTOR_BYTES: usize = 512;

/// The folder at some moment: what is safe, and what happened since.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// Which file has which name now.
    names: Names,
    safe_names: Names,
    unsafe_names: Vec<(usize, Named)>,
    events: usize,
}

type Names = BTreeMap<PathBuf, Entry>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Default)]
struct File {
    safe: Vec<u8>,
    later: Vec<(usize, Change)>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    SetLength(usize),
}

enum Named {
    Given(PathBuf, Entry),
    Taken(PathBuf),
    Moved(PathBuf, PathBuf),
}

/// How a file fared.
#[derive(Clone, Copy)]
enum Fate {
    /// Nothing of what came later was written.
    Lost,
    /// All was.
    Written,
    /// All up to some change, and that one in part.
    CutOff,
    /// Each change on its own.
    Scattered,
}

impl Disk {
    /// The next thing happens.
    pub(super) fn happen(&mut self, event: &Event) {
        let number = self.events;
        self.events += 1;
        match event {
            Event::Said(_) => {}
            Event::Create { path, is_emptied } => match self.names.get(path) {
                Some(&Entry::File(file)) if *is_emptied => {
                    self.files[file].later.push((number, Change::SetLength(0)));
                }
                Some(_) => {}
                None => {
                    self.files.push(File::default());
                    let entry = Entry::File(self.files.len() - 1);
                    self.rename(number, Named::Given(path.clone(), entry));
                }
            },
            Event::Write { path, at, bytes } => {
                self.change(number, path, Change::Write { at: *at, bytes: bytes.clone() });
            }
            Event::SetLength { path, length } => self.change(number, path, Change::SetLength(*length)),
            Event::MakeDirectory { path } => {
                self.rename(number, Named::Given(path.clone(), Entry::Directory));
            }
            Event::Link { from, to } => {
                let entry = self.names[from];
                self.rename(number, Named::Given(to.clone(), entry));
            }
            Event::Rename { from, to } => self.rename(number, Named::Moved(from.clone(), to.clone())),
            Event::Remove { path } => self.rename(number, Named::Taken(path.clone())),
            Event::Sync { path, since } => match self.names.get(path) {
                Some(&Entry::File(file)) => self.files[file].sync(*since),
                // The folder itself was there before.
                _ => self.sync_names(path, *since),
            },
        }
    }

    /// Builds in this folder what may be left if the power fails now.
    pub(super) fn cut(&self, random: &mut Random, from: &Path, to: &Path) {
        let mut names = self.safe_names.clone();
        let kept = random.below(self.unsafe_names.len() + 1);
        for (_, named) in &self.unsafe_names[..kept] {
            named.apply(&mut names);
        }
        // Files with several names have one content.
        let mut contents = BTreeMap::new();
        for (path, entry) in &names {
            let path = to.join(path.strip_prefix(from).unwrap());
            match entry {
                Entry::Directory => fs::create_dir_all(path).unwrap(),
                Entry::File(file) => {
                    let content = contents.entry(*file).or_insert_with(|| self.files[*file].cut(random));
                    // A directory whose own name was lost takes what is in it along.
                    if path.parent().is_some_and(Path::exists) {
                        fs::write(path, content).unwrap();
                    }
                }
            }
        }
    }

    fn change(&mut self, number: usize, path: &Path, change: Change) {
        let Some(&Entry::File(file)) = self.names.get(path) else {
            panic!("{} is not known", path.display())
        };
        self.files[file].later.push((number, change));
    }

    fn rename(&mut self, number: usize, named: Named) {
        named.apply(&mut self.names);
        self.unsafe_names.push((number, named));
    }

    fn sync_names(&mut self, directory: &Path, since: usize) {
        let is_safe = |(number, named): &(usize, Named)| *number < since && named.is_in(directory);
        for one in self.unsafe_names.iter().filter(|one| is_safe(one)) {
            one.1.apply(&mut self.safe_names);
        }
        self.unsafe_names.retain(|one| !is_safe(one));
    }
}

impl Named {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Given(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            Self::Taken(path) => {
                names.remove(path);
            }
            Self::Moved(from, to) => {
                if let Some(entry) = names.remove(from) {
                    names.insert(to.clone(), entry);
                }
                let below: Vec<PathBuf> =
                    names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in below {
                    let moved = to.join(path.strip_prefix(from).unwrap());
                    let entry = names.remove(&path).unwrap();
                    names.insert(moved, entry);
                }
            }
        }
    }

    /// Whether a sync of this directory makes it safe: for a move, that of the directory where the new name is.
    fn is_in(&self, directory: &Path) -> bool {
        let (Self::Given(path, _) | Self::Taken(path) | Self::Moved(_, path)) = self;
        path.parent() == Some(directory)
    }
}

impl File {
    fn sync(&mut self, since: usize) {
        let is_later = self.later.iter().position(|(number, _)| *number >= since);
        for (_, change) in self.later.drain(..is_later.unwrap_or(self.later.len())) {
            change.apply(&mut self.safe);
        }
    }

    fn cut(&self, random: &mut Random) -> Vec<u8> {
        const FATES: [Fate; 4] = [Fate::Lost, Fate::Written, Fate::CutOff, Fate::Scattered];
        let mut content = self.safe.clone();
        let fate = FATES[random.below(FATES.len())];
        let cut_off = random.below(self.later.len() + 1);
        for (place, (_, change)) in self.later.iter().enumerate() {
            match fate {
                Fate::Lost => break,
                Fate::Written => change.apply(&mut content),
                Fate::CutOff if place < cut_off => change.apply(&mut content),
                Fate::CutOff => {
                    change.tear(&mut content, random);
                    break;
                }
                Fate::Scattered => match random.below(3) {
                    0 => {}
                    1 => change.apply(&mut content),
                    _ => change.tear(&mut content, random),
                },
            }
        }
        content
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(content, *at, bytes),
            Self::SetLength(length) => content.resize(*length, 0),
        }
    }

    /// Some of its sectors are written. The file may have got its new length all the same.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { at, bytes } = self else { return };
        if random.below(2) == 0 && content.len() < at + bytes.len() {
            content.resize(at + bytes.len(), 0);
        }
        let mut done = 0;
        while done < bytes.len() {
            let in_sector = SECTOR_BYTES - (at + done) % SECTOR_BYTES;
            let end = (done + in_sector).min(bytes.len());
            if random.below(2) == 0 {
                put(content, at + done, &bytes[done..end]);
            }
            done = end;
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}
