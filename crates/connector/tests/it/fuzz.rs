//! The fuzz targets, run by a stable compiler: what fuzzing once found, the golden cases, and seeded alterations of
//! both. It finds little that is new; it keeps what was found from coming back, and the targets from rotting.

#![allow(unreachable_pub, reason = "the same files are public modules of the fuzz crate")]

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../../../fuzz/src/targets.rs"]
mod targets;

use self::seeds::Seed;

const ALTERATIONS_OF_EACH_TARGET: usize = 3_000;
const INPUT_BYTES_MAX: usize = 4_096;

/// What makes texts of this protocol different from others.
const WORDS: [&[u8]; 20] = [
    b"~h_",
    b"~q_",
    b"_",
    b"~",
    b"&",
    b"=",
    b"%3D",
    b"%26",
    b"%",
    b";",
    b"\"",
    b"EventId=",
    b"Hash=",
    b"Hip=",
    b"queueittoken=",
    b"//",
    b"/../",
    b"\r\n",
    b"\0",
    b"\xff",
];

#[test]
fn what_fuzzing_found_stays_right() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets::ALL {
        let Ok(inputs) = fs::read_dir(corpus.join(name)) else { continue };
        for input in inputs {
            target(&fs::read(input.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn altered_cases_break_nothing() {
    let inputs = inputs();
    for (name, target) in targets::ALL {
        let mut own = inputs.iter().filter(|(of, _)| *of == name).map(|(_, bytes)| bytes).collect::<Vec<_>>();
        assert!(!own.is_empty(), "no input for {name}");
        own.retain(|bytes| bytes.len() <= INPUT_BYTES_MAX);
        own.iter().for_each(|bytes| target(bytes));
        let mut dice = Dice(0x5eed_0000_0000_0001);
        for _ in 0..ALTERATIONS_OF_EACH_TARGET {
            let mut bytes = own[dice.below(own.len())].clone();
            for _ in 0..=dice.below(4) {
                alter(&mut bytes, own[dice.below(own.len())], &mut dice);
            }
            bytes.truncate(INPUT_BYTES_MAX);
            target(&bytes);
        }
    }
}

fn inputs() -> Vec<Seed> {
    let mut inputs = seeds::of_our_own();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let mut files = fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    for file in files {
        inputs.extend(seeds::of_case(&serde_json::from_slice(&fs::read(file).unwrap()).unwrap()));
    }
    inputs
}

fn alter(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + dice.below(20)).min(bytes.len());
    match dice.below(5) {
        0 => drop(bytes.drain(at..end)),
        1 => drop(bytes.splice(at..at, WORDS[dice.below(WORDS.len())].iter().copied())),
        2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
        3 => {
            let from = dice.below(other.len() + 1);
            drop(bytes.splice(at..end, other[from..].iter().copied()));
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
    }
}

/// Numbers that look random and are the same on every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}
