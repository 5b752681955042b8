//! `tessera models pull`: whole or not at all, from a server that behaves and from many that do not.

mod server;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::run::{fails, folder, json, names, stderr, succeeds, tessera};
use server::{Server, ranges, send};

const TAG: &str = "\"one\"";

/// A user with a home of their own.
struct User(TempDir);

impl User {
    fn new() -> Self {
        Self(folder())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in [
            "HF_HUB_CACHE",
            "HF_HUB_OFFLINE",
            "TESSERA_PYTHON",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            command.env_remove(name);
        }
        command.env("HOME", self.0.path()).env("HF_HOME", self.path("hf"));
        command.env("XDG_CACHE_HOME", self.path("cache")).env("XDG_DATA_HOME", self.path("data"))
    }

    /// Pulls the model of this registry, its licence accepted.
    fn pull(&self, registry: &Path, more: &[&str]) -> Command {
        let mut command = tessera(["models", "pull", "m", "--yes", "--registry"]);
        self.prepare(command.arg(registry).args(more));
        command
    }

    /// The registry of one pack.
    fn registry(&self, url: &str, file: &[u8], sha256: &str) -> PathBuf {
        self.write_registry(url, &format!("bytes = {}\nsha256 = \"{sha256}\"\n", file.len()))
    }

    fn write_registry(&self, url: &str, proof: &str) -> PathBuf {
        let path = self.path("registry.toml");
        let text = format!(
            "format = 1\n[[model]]\nname = \"m\"\nmodality = \"audio\"\nsummary = \"S.\"\nlicence = \"MIT\"\nlicence_url = \"https://example.org/terms\"\n\
             [[model.file]]\nrole = \"pack\"\nname = \"m.tpack\"\nurl = \"{url}\"\n{proof}"
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// What lies among the downloads, and among the packs.
    fn left(&self) -> (Vec<String>, Vec<String>) {
        let of = |path: PathBuf| if path.is_dir() { names(&path) } else { Vec::new() };
        (of(self.path("cache/tessera/downloads/m")), of(self.path("data/tessera/models")))
    }

    fn part(&self) -> PathBuf {
        self.path("cache/tessera/downloads/m/m.tpack.part")
    }
}

/// A real pack, and its SHA-256.
fn pack() -> (Vec<u8>, String) {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/packs/speech-16k.tpack")).unwrap();
    let hash = hash(&bytes);
    (bytes, hash)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

const NOTHING: (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());

fn installed() -> (Vec<String>, Vec<String>) {
    (Vec::new(), vec!["m.tpack".to_owned()])
}

#[test]
fn a_pack_is_pulled_verified_and_found() {
    let (user, (file, hash)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |_, request, stream| ranges(request, stream, &served, TAG, usize::MAX));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let report = &json(&mut user.pull(&registry, &["--json"]))[0];
    assert_eq!(report["files"][0]["sha256"], hash);
    assert_eq!(user.left(), installed());
    let id = report["pack"]["id"].as_str().unwrap();
    let listed = json(user.prepare(&mut tessera(["models", "list", "--json"])));
    assert!(listed.iter().any(|pack| pack["id"] == id && pack["origin"] == "user"), "{listed:?}");
    succeeds(user.prepare(&mut tessera(["models", "verify", id])));
    // A second pull replaces nothing unasked, and asks the server for nothing.
    fails(&mut user.pull(&registry, &[]), 1, "--force");
    assert_eq!(server.asked().len(), 1);
    succeeds(&mut user.pull(&registry, &["--force"]));
    assert_eq!((server.asked().len(), user.left()), (2, installed()));
}

#[test]
fn a_pull_that_was_cut_off_goes_on_where_it_stopped() {
    let (user, (file, hash)) = (User::new(), pack());
    let (served, cut) = (file.clone(), 100_000);
    // The first server breaks off and then has nothing more to say.
    let server = Server::start(move |before, request, stream| match before {
        0 => ranges(request, stream, &served, TAG, cut),
        _ => send(stream, "503 Service Unavailable\r\nContent-Length: 0", b""),
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let line = fails(&mut user.pull(&registry, &[]), 1, "pull again to go on from there");
    assert!(line.contains("status 503") && line.contains("100000 bytes are kept"), "{line}");
    assert_eq!(fs::metadata(user.part()).unwrap().len(), cut as u64);
    assert_eq!(user.left().1, Vec::<String>::new());
    // The second breaks off twice and is asked for the rest each time.
    let served = file.clone();
    let server = Server::start(move |before, request, stream| {
        ranges(request, stream, &served, TAG, if before < 2 { cut } else { usize::MAX });
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    succeeds(&mut user.pull(&registry, &[]));
    let from: Vec<_> = server.asked().iter().map(|request| request.from.unwrap()).collect();
    assert_eq!(from, [cut, 2 * cut, 3 * cut]);
    assert_eq!(user.left(), installed());
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let (user, (file, hash)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |_, _, stream| {
        send(stream, &format!("200 OK\r\nContent-Length: {}", served.len()), &served);
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    fs::create_dir_all(user.part().parent().unwrap()).unwrap();
    fs::write(user.part(), &file[..5000]).unwrap();
    succeeds(&mut user.pull(&registry, &[]));
    assert_eq!(server.asked()[0].from, Some(5000));
    assert_eq!(user.left(), installed());
}

#[test]
fn a_damaged_beginning_is_noticed_and_made_good() {
    let (user, (file, hash)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |_, request, stream| ranges(request, stream, &served, TAG, usize::MAX));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    for beginning in [vec![7; 5000], vec![7; file.len()], vec![7; file.len() + 9]] {
        fs::create_dir_all(user.part().parent().unwrap()).unwrap();
        fs::write(user.part(), beginning).unwrap();
        succeeds(&mut user.pull(&registry, &["--force"]));
        assert_eq!(user.left(), installed());
    }
    let from: Vec<_> = server.asked().iter().map(|request| request.from).collect();
    assert_eq!(from, [Some(5000), None, None, Some(file.len() + 9), None]);
}

#[test]
fn another_file_than_the_published_one_is_refused_and_deleted() {
    let (user, (file, hash)) = (User::new(), pack());
    let mut other = file.clone();
    other[file.len() / 2] ^= 1;
    let served = other.clone();
    let server = Server::start(move |_, request, stream| match request.path.as_str() {
        "/longer" => ranges(request, stream, &[&served[..], b"more"].concat(), TAG, usize::MAX),
        // It does not say how long the file is, and it is longer.
        "/silent" => send(stream, "200 OK", &[&served[..], b"more"].concat()),
        _ => ranges(request, stream, &served, TAG, usize::MAX),
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let line = fails(&mut user.pull(&registry, &[]), 3, &hash);
    assert!(line.contains(&self::hash(&other)), "{line}");
    assert_eq!(user.left(), NOTHING);
    let registry = user.registry(&format!("{}/longer", server.address), &file, &hash);
    fails(&mut user.pull(&registry, &[]), 1, &format!("where the published one has {}", file.len()));
    let registry = user.registry(&format!("{}/silent", server.address), &file, &hash);
    fails(&mut user.pull(&registry, &[]), 3, &format!("it has {} bytes where", file.len() + 1));
    let left = user.left();
    assert!(left.1.is_empty() && left.0.iter().all(|name| name == "m.tpack.part"), "{left:?}");
}

#[test]
fn what_is_no_pack_is_not_installed() {
    let (user, file) = (User::new(), b"no pack at all".to_vec());
    let hash = hash(&file);
    let served = file.clone();
    let server = Server::start(move |_, request, stream| ranges(request, stream, &served, TAG, usize::MAX));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    fails(&mut user.pull(&registry, &[]), 4, "neither a folder nor a ZIP archive");
    assert_eq!(user.left().1, Vec::<String>::new());
}

#[test]
fn redirects_are_followed_with_the_range_and_not_for_ever() {
    let (user, (file, hash)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |_, request, stream| match request.path.as_str() {
        "/m" => send(stream, "302 Found\r\nLocation: /there\r\nContent-Length: 0", b""),
        "/there" => ranges(request, stream, &served, TAG, usize::MAX),
        _ => send(stream, "302 Found\r\nLocation: /round\r\nContent-Length: 0", b""),
    });
    let registry = user.registry(&format!("{}/round", server.address), &file, &hash);
    fails(&mut user.pull(&registry, &[]), 1, "without end");
    fs::create_dir_all(user.part().parent().unwrap()).unwrap();
    fs::write(user.part(), &file[..5000]).unwrap();
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    succeeds(&mut user.pull(&registry, &[]));
    assert_eq!(server.asked().last().unwrap().from, Some(5000));
    assert_eq!(user.left(), installed());
}

#[test]
fn of_two_pulls_at_once_one_says_so() {
    let (user, (file, hash)) = (User::new(), pack());
    let (arrived, waiting) = mpsc::sync_channel(1);
    let (go, gate) = mpsc::channel::<()>();
    let (served, gate) = (file.clone(), std::sync::Mutex::new(gate));
    let server = Server::start(move |_, request, stream| {
        arrived.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        ranges(request, stream, &served, TAG, usize::MAX);
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let first = Running(user.pull(&registry, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    waiting.recv_timeout(Duration::from_secs(60)).unwrap();
    fails(&mut user.pull(&registry, &[]), 1, "being pulled by another process");
    go.send(()).unwrap();
    first.succeeds();
    assert_eq!(user.left(), installed());
}

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    fn succeeds(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_full_disk_costs_nothing_that_came() {
    let (user, (file, hash)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |_, request, stream| ranges(request, stream, &served, TAG, usize::MAX));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    // No file may grow beyond 64 blocks of 512 bytes, and being told so does not end the program.
    let pull = user.pull(&registry, &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]).arg(pull.get_program()).args(pull.get_args());
    user.prepare(limited.env_remove("TESSERA_MODELS").stdin(Stdio::null()));
    fails(&mut limited, 1, "there is no room for more");
    let kept = fs::metadata(user.part()).unwrap().len();
    assert!(kept > 0 && kept <= 64 * 1024, "{kept}");
    assert_eq!(user.left().1, Vec::<String>::new());
    succeeds(&mut user.pull(&registry, &[]));
    assert_eq!(server.asked().last().unwrap().from, Some(kept as usize));
    assert_eq!(user.left(), installed());
}

#[test]
fn a_pull_that_is_interrupted_leaves_a_part_and_no_lock() {
    let (user, (file, hash)) = (User::new(), pack());
    let (arrived, waiting) = mpsc::sync_channel(1);
    let served = file.clone();
    let server = Server::start(move |before, request, stream| {
        if before == 0 {
            ranges(request, stream, &served, TAG, 70_000);
            arrived.send(()).unwrap();
            // The rest never comes.
            let silent = stream.try_clone().unwrap();
            thread::sleep(Duration::from_secs(600));
            drop(silent);
        } else {
            ranges(request, stream, &served, TAG, usize::MAX);
        }
    });
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let mut running = Running(user.pull(&registry, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    waiting.recv_timeout(Duration::from_secs(60)).unwrap();
    let kept = || fs::metadata(user.part()).map_or(0, |part| part.len());
    while kept() < 60_000 {
        thread::sleep(Duration::from_millis(10));
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.0.id() as i32), nix::sys::signal::Signal::SIGINT)
        .unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    let kept = kept();
    succeeds(&mut user.pull(&registry, &[]));
    assert_eq!(server.asked().last().unwrap().from, Some(kept as usize));
    assert_eq!(user.left(), installed());
}

#[test]
fn without_a_network_or_offline_one_line_says_so() {
    let (user, (file, hash)) = (User::new(), pack());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let registry = user.registry(&format!("http://{closed}/m"), &file, &hash);
    fails(&mut user.pull(&registry, &[]), 1, "its server was not reached");
    let registry = user.registry("https://models.invalid/m", &file, &hash);
    fails(&mut user.pull(&registry, &[]), 1, "https://models.invalid/m: ");
    let server = Server::start(|_, _, stream| send(stream, "404 Not Found\r\nContent-Length: 0", b""));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    fails(&mut user.pull(&registry, &["--offline"]), 1, "--offline forbids");
    fails(user.pull(&registry, &[]).env("HF_HUB_OFFLINE", "1"), 1, "--offline forbids");
    assert!(server.asked().is_empty());
    fails(&mut user.pull(&registry, &[]), 1, "has no such file");
    // Put there by hand it is as good, and a wrong one is not.
    let place = user.path("cache/tessera/downloads/m/m.tpack");
    fs::write(&place, b"wrong").unwrap();
    fails(&mut user.pull(&registry, &["--offline"]), 3, "delete it and pull again");
    fs::write(&place, &file).unwrap();
    succeeds(&mut user.pull(&registry, &["--offline"]));
    assert_eq!(user.left(), installed());
}

#[test]
fn what_lies_in_the_hubs_cache_does_not_come_again() {
    let (file, hash) = pack();
    let url = "https://huggingface.co/owner/name/resolve/main/sub/m.tpack";
    // By content; by branch and commit; both with the cache where HF_HUB_CACHE says.
    for (place, proof) in [
        (format!("blobs/{hash}"), format!("bytes = {}\nsha256 = \"{hash}\"\n", file.len())),
        ("snapshots/0123abcd/sub/m.tpack".to_owned(), String::new()),
    ] {
        for (variable, under) in [("HF_HOME", "home/hub"), ("HF_HUB_CACHE", "home")] {
            let user = User::new();
            let repository = user.path(under).join("models--owner--name");
            let path = repository.join(&place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::create_dir_all(repository.join("refs")).unwrap();
            fs::write(&path, &file).unwrap();
            fs::write(repository.join("refs/main"), "0123abcd").unwrap();
            let registry = user.write_registry(url, &proof);
            let mut pull = user.pull(&registry, &["--offline", "--trust", "--json"]);
            let report = &json(pull.env(variable, user.path("home")))[0];
            assert_eq!(report["files"][0]["source"], "in the hub's cache");
            assert_eq!(user.left(), installed());
            assert!(path.is_file(), "the cache is the hub's");
        }
    }
}

#[test]
fn what_nothing_proves_needs_trust_and_is_never_joined_of_two_versions() {
    let (user, (file, _)) = (User::new(), pack());
    let served = file.clone();
    let server = Server::start(move |before, request, stream| match (request.path.as_str(), before) {
        ("/page", _) => send(stream, "200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 4", b"page"),
        ("/endless", _) => send(stream, "200 OK", b"bytes"),
        // The version changes between two connections.
        (_, 0) => ranges(request, stream, &vec![1; served.len()], TAG, 50_000),
        _ => ranges(request, stream, &served, "\"two\"", usize::MAX),
    });
    let registry = user.write_registry(&format!("{}/m", server.address), "");
    fails(&mut user.pull(&registry, &[]), 2, "--trust");
    let report = &json(&mut user.pull(&registry, &["--trust", "--json"]))[0];
    assert_eq!(report["files"][0]["sha256"], hash(&file));
    let asked = server.asked();
    assert_eq!((asked[1].from, asked[1].if_range.as_deref()), (Some(50_000), Some(TAG)));
    assert_eq!(user.left(), installed());
    for (path, said) in [("page", "a web page instead"), ("endless", "does not say how long")] {
        let registry = user.write_registry(&format!("{}/{path}", server.address), "");
        fails(&mut user.pull(&registry, &["--trust", "--force"]), 1, said);
        assert_eq!(user.left().1, installed().1);
    }
}

#[test]
fn a_licence_is_shown_before_anything_comes() {
    let (user, (file, hash)) = (User::new(), pack());
    let server = Server::start(|_, _, stream| send(stream, "404 Not Found\r\nContent-Length: 0", b""));
    let registry = user.registry(&format!("{}/m", server.address), &file, &hash);
    let mut pull = tessera(["models", "pull", "m", "--registry"]);
    let line = fails(user.prepare(pull.arg(&registry)), 2, "its licence is MIT (https://example.org/terms)");
    assert!(line.contains("--yes"), "{line}");
    assert!(server.asked().is_empty());
}

#[test]
fn registries_that_make_no_sense_are_refused_in_words() {
    let user = User::new();
    let registry = user.write_registry("https://example.org/m", "bytes = \"many\"\n");
    fails(&mut user.pull(&registry, &[]), 3, "line 12");
    fails(&mut user.pull(&user.path("absent.toml"), &[]), 1, "absent.toml: there is no such file");
    let line = fails(user.prepare(&mut tessera(["models", "pull", "nothing"])), 3, "there is no model \"nothing\"");
    assert!(line.contains("wavtokenizer-small-75"), "{line}");
}

#[test]
fn what_there_is_is_listed() {
    let user = User::new();
    let text = String::from_utf8(succeeds(user.prepare(&mut tessera(["models", "pull"])))).unwrap();
    assert!(text.lines().count() > 3 && text.contains("wavtokenizer-small-75"), "{text}");
    let listed = json(user.prepare(&mut tessera(["models", "pull", "--json"])));
    assert!(listed.iter().all(|model| model["licence"].is_string() && model["importer"].is_string()));
}

#[test]
fn an_importer_without_python_says_how_to_make_one_before_anything_comes() {
    let user = User::new();
    let server = Server::start(|_, _, stream| send(stream, "404 Not Found\r\nContent-Length: 0", b""));
    let registry = user.write_registry(&format!("{}/m", server.address), "");
    let text = fs::read_to_string(&registry).unwrap();
    let imported = text
        .replace("[[model.file]]", "importer = \"wavtokenizer\"\n[[model.file]]")
        .replace("\"pack\"", "\"checkpoint\"");
    fs::write(&registry, imported).unwrap();
    let python = user.path("python");
    let line =
        fails(&mut user.pull(&registry, &["--trust", "--python", python.to_str().unwrap()]), 1, "python3 -m venv");
    assert!(line.contains("torch") && line.contains("data/tessera/python"), "{line}");
    // A Python without the packages is none either.
    fs::write(&python, "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n").unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fails(&mut user.pull(&registry, &["--trust", "--python", python.to_str().unwrap()]), 1, "No module named 'torch'");
    assert!(server.asked().is_empty());
    assert_eq!(user.left(), NOTHING);
    let output = user.pull(&registry, &["--trust", "--download-only"]).output().unwrap();
    assert!(stderr(&output).contains("has no such file"), "without an import no Python is needed");
}
