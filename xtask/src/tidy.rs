//! What each file of ours must be: about one subject, and true on every machine.
//!
//! A file that grew past the limit has become two subjects. A path of somebody's machine is wrong on every other one
//! and tells more about its author than they meant to. A crate that does not say what it is has to be guessed.

use std::path::{Path, PathBuf};

use crate::command::TaskError;

/// Lines of a source file. The longest that reads as one subject are well below; tests and data may be beside it.
const LINES_MAX: usize = 500;
/// A crate's first paragraph says what it is and what it does not know: no sentence that does is shorter.
const PARAGRAPH_CHARACTERS_MIN: usize = 60;
/// Files larger than this are not written by a person.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Written by hand, and read from the top to the end.
const SOURCES: [&str; 5] = ["rs", "js", "mjs", "css", "html"];
/// What tools put there, not people.
const NOT_OURS: [&str; 4] = [".git", "target", "node_modules", "artifacts"];

/// Every fault in the texts of the checkout. `crates` are the folders of our packages.
pub(crate) fn faults(root: &Path, crates: &[PathBuf]) -> Result<Vec<String>, TaskError> {
    let mut files = Vec::new();
    list(root, &mut files)?;
    files.sort();
    let private = private_paths(root);
    let mut faults = Vec::new();
    for path in &files {
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        // Fonts and pictures are no text.
        let Ok(text) = String::from_utf8(std::fs::read(path).map_err(|error| unreadable(path, &error))?)
        else {
            continue;
        };
        faults.extend(
            named_paths(&text, &private).map(|line| format!("{shown}:{line} names a path of this machine")),
        );
        let lines = text.lines().count();
        if lines > LINES_MAX
            && path.extension().is_some_and(|end| SOURCES.iter().any(|source| end == *source))
        {
            faults.push(format!("{shown} has {lines} lines: more than {LINES_MAX} are two subjects"));
        }
    }
    for folder in crates {
        let source =
            [folder.join("src/lib.rs"), folder.join("src/main.rs")].into_iter().find(|path| path.is_file());
        let text = source.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        if first_paragraph(&text).chars().count() < PARAGRAPH_CHARACTERS_MIN {
            let shown = source.as_ref().unwrap_or(folder);
            let shown = shown.strip_prefix(root).unwrap_or(shown).display();
            faults.push(format!(
                "{shown} must open with a paragraph: what the crate is, and what it does not know"
            ));
        }
    }
    Ok(faults)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), TaskError> {
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.metadata().map_err(|error| unreadable(&path, &error))?;
        if NOT_OURS.iter().any(|one| name == *one) {
            continue;
        }
        if kind.is_dir() {
            list(&path, files)?;
        } else if kind.is_file() && kind.len() <= FILE_BYTES_MAX {
            files.push(path);
        }
    }
    Ok(())
}

/// Where this checkout and its owner live. Asked for and not written down: on the next machine it is another place.
fn private_paths(root: &Path) -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let places = [Some(root.to_owned()), home].into_iter().flatten();
    places.filter(|path| path.parent().is_some()).map(|path| format!("{}/", path.display())).collect()
}

/// The numbers of the lines that name one of the paths.
fn named_paths<'a>(text: &'a str, private: &'a [String]) -> impl Iterator<Item = usize> + 'a {
    let names = |line: &str, path: &String| {
        line.match_indices(path.as_str()).any(|(at, _)| {
            // In "docs/root/x" or "https://host/root/" it is a part of something else.
            !line[..at].ends_with(|before: char| before.is_alphanumeric() || "-_.}".contains(before))
        })
    };
    let lines = text.lines().enumerate();
    lines.filter(move |(_, line)| private.iter().any(|path| names(line, path))).map(|(index, _)| index + 1)
}

/// The first paragraph of a crate's own documentation, on one line.
fn first_paragraph(source: &str) -> String {
    let documentation = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    documentation.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn unreadable(path: &Path, error: &std::io::Error) -> TaskError {
    TaskError::File { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_this_machine_is_found_where_it_is_one() {
        let private = ["/home/ann/".to_owned()];
        let text = "cd /home/ann/shop\nhttps://host/home/ann/x\n`/home/ann/`, \"/home/ann/a\"\n/home/anna/";
        assert_eq!(named_paths(text, &private).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn first_paragraph_ends_at_an_empty_line() {
        let source = "//! The line\n//! of visitors.\n//!\n//! More.\nuse std::fmt;\n";
        assert_eq!(first_paragraph(source), "The line of visitors.");
        assert_eq!(first_paragraph("mod line;\n//! Late."), "");
    }
}
