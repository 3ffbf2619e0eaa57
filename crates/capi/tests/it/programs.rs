//! Programs in C: compiled without a warning, and run alone, with sanitizers, and under valgrind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anteroom_protocol::enqueue_token::EnqueueToken;
use anteroom_protocol::id::QueueId;
use anteroom_protocol::mac::Key;
use anteroom_protocol::queue_token::{NewQueueToken, RedirectType};
use anteroom_protocol::secret::Secret;
use anteroom_protocol::time::Timestamp;

/// What watches a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Not,
    BySanitizers,
    ByValgrind,
}

const ALL_WAYS: [Watched; 3] = [Watched::Not, Watched::BySanitizers, Watched::ByValgrind];

/// A program in a folder of its own.
struct Program {
    folder: tempfile::TempDir,
    watched: Watched,
}

impl Program {
    fn compile(source: &str, watched: Watched) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let library = library_folder();
        let mut compiler = Command::new("gcc");
        compiler
            .args([
                "-std=c11",
                "-D_POSIX_C_SOURCE=200809L",
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-g",
            ])
            .arg("-I")
            .arg(root.join("include"))
            .arg(root.join(source))
            .arg("-L")
            .arg(&library)
            .args(["-lanteroom_capi", "-pthread"])
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .arg("-o")
            .arg(folder.path().join("program"));
        if watched == Watched::BySanitizers {
            compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        }
        let output = compiler.output().expect("gcc is there after `cargo xtask setup`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder, watched }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let program = self.folder.path().join("program");
        let mut command = match self.watched {
            Watched::ByValgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["-q", "--leak-check=full", "--error-exitcode=99"]).arg(program);
                valgrind
            }
            Watched::Not | Watched::BySanitizers => Command::new(program),
        };
        command.args(arguments).output().expect("valgrind is there after `cargo xtask setup`")
    }

    /// What it prints when all goes well.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{:?}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The shared library is built with this test and lies beside it.
fn library_folder() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let library = folder.join("libanteroom_capi.so");
    assert!(library.is_file(), "{} is not there", library.display());
    folder
}

fn queue_token() -> String {
    NewQueueToken {
        room: &"spring24".parse().unwrap(),
        queue_id: Some(QueueId::from_random([7; 16])),
        expires_at: Timestamp::from_seconds(1_700_000_060),
        cookie_validity_minutes: None,
        redirect_type: RedirectType::Queue,
        client_ip: None,
    }
    .seal(&Key::new(b"a made-up key"))
}

#[test]
fn example_decides_alone_and_watched() {
    for watched in ALL_WAYS {
        let program = Program::compile("examples/c/decide.c", watched);
        let site = program.says(&["https://shop.example/"]);
        assert_eq!(
            site,
            "the site answers\nx-queueit-connector: rust\nbecause: no action matches this request\n"
        );
        let sent = program.says(&["https://shop.example/tickets"]);
        assert!(
            sent.starts_with(
                "status: 302\nlocation: https://queue.shop.example/?c=acme&e=spring24&ver=rust-"
            ),
            "{sent}"
        );
        let address = format!("https://shop.example/tickets?queueittoken={}", queue_token());
        let let_in = program.says(&[&address]);
        assert!(let_in.starts_with("status: 302\nlocation: https://shop.example/tickets\n"), "{let_in}");
        let cookie = let_in.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let passes = program.says(&["https://shop.example/tickets", cookie.split(';').next().unwrap()]);
        assert!(passes.starts_with("the site answers\n"), "{passes}");
    }
}

#[test]
fn example_makes_enqueue_tokens_alone_and_watched() {
    for watched in ALL_WAYS {
        let program = Program::compile("examples/c/enqueue_token.c", watched);
        let read = |text: &str| {
            EnqueueToken::read(text.trim_end(), &Secret::new("a made-up key".to_owned())).unwrap()
        };
        let named = read(&program.says(&["an id"]));
        assert_eq!(named.token_id, "an id");
        assert_eq!(named.expires_at, Some(Timestamp::from_seconds(1_700_000_240)));
        assert_eq!(named.payload.unwrap().key.as_deref(), Some("member 7"));
        let [one, other] = [(), ()].map(|()| read(&program.says(&[])).token_id);
        assert!(one.starts_with("shop~") && one != other, "{one} and {other}");
    }
}

#[test]
fn eight_threads_get_their_own_answers_while_the_config_is_replaced() {
    for (watched, decisions) in
        [(Watched::Not, "5000"), (Watched::BySanitizers, "500"), (Watched::ByValgrind, "20")]
    {
        let program = Program::compile("tests/c/threads.c", watched);
        assert_eq!(program.says(&[decisions]), "0 wrong\n");
    }
}

/// Runtimes that load the library by its path look it up again by this name.
#[test]
fn shared_library_has_a_name() {
    let output =
        Command::new("readelf").arg("-d").arg(library_folder().join("libanteroom_capi.so")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Library soname: [libanteroom_capi.so]"), "{text}");
}
