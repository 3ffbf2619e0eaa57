//! Writes the inputs to begin with, a folder for each target: `cargo run --bin write_seeds -- FOLDER`.

use std::path::Path;
use std::{env, fs, io};

use anteroom_fuzz::seeds;

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).expect("the folder to write to is the only argument");
    let mut all = seeds::of_our_own();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors"))? {
        let document: serde_json::Value = serde_json::from_slice(&fs::read(entry?.path())?)?;
        all.extend(seeds::of_case(&document));
    }
    for (at, (target, bytes)) in all.iter().enumerate() {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{at}")), bytes)?;
    }
    Ok(())
}
