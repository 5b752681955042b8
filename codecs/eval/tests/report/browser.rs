//! Chromium, driven over the DevTools protocol. The tests of pages in other crates use this file too.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one tab; killed when dropped.
pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    calls: u64,
    events: VecDeque<Value>,
    /// Where pages may load from beside `data:`.
    home: String,
    /// Holds what the browser keeps; removed after it.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts `CHROMIUM`, or the first of the usual names on the path.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`start`](Self::start), with more arguments.
    pub fn start_with(arguments: &[String]) -> Self {
        let program = program().expect("no Chromium on this machine: run `make test-browser`, or name one in CHROMIUM");
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
        ]);
        command.args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).args(arguments).arg("about:blank");
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Chromium starts");
        let (port, path) = address(&profile.path().join("DevToolsActivePort"));
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the browser listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream).expect("a web socket");
        let (events, home) = (VecDeque::new(), String::new());
        let mut browser = Self { process, socket, session: None, calls: 0, events, home, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let session = browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = Some(session["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Opens a file in a window of the given width.
    pub fn open(&mut self, file: &Path, width: u32) {
        self.visit(&format!("file://{}", file.display()), width);
    }

    /// Opens the page of a server, which may load more from there.
    #[allow(dead_code)] // the tests of the live server include this file, too
    pub fn open_site(&mut self, address: &str, width: u32) {
        self.home = format!("http://{address}/");
        self.visit(&self.home.clone(), width);
    }

    fn visit(&mut self, url: &str, width: u32) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        self.call("Page.navigate", json!({"url": url}));
        while self.next_event()["method"] != "Page.loadEventFired" {}
    }

    /// The value of an expression of JavaScript.
    pub fn eval(&mut self, expression: &str) -> Value {
        let arguments = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let reply = self.call("Runtime.evaluate", arguments);
        assert!(reply.get("exceptionDetails").is_none(), "{expression}: {reply}");
        reply["result"]["value"].clone()
    }

    /// A click of the mouse in the middle of what a selector finds first.
    pub fn click(&mut self, selector: &str) {
        let place = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        );
        self.eval(&place);
        // The pointer is placed on what is drawn: after two frames that is the page as it was scrolled.
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        let at = self.eval(&place);
        self.mouse("mouseMoved", &at, 0);
        self.mouse("mousePressed", &at, 1);
        self.mouse("mouseReleased", &at, 1);
    }

    /// The pointer to a place in the window, `[x, y]`.
    pub fn point(&mut self, at: &Value) {
        self.mouse("mouseMoved", at, 0);
    }

    /// A key, by its name in the DOM.
    pub fn key(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Errors and warnings of the console and requests for anything but `data:` and the page, since the start.
    pub fn complaints(&mut self) -> Vec<String> {
        self.eval("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))");
        let home = self.home.clone();
        let own = |url: &str| url.starts_with("data:") || (!home.is_empty() && url.starts_with(&home));
        let events = self.events.drain(..);
        let complaint = |event: Value| {
            let parameters = &event["params"];
            let url = parameters["request"]["url"].as_str().unwrap_or_default();
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Log.entryAdded" | "Page.javascriptDialogOpening" => {
                    Some(event.to_string())
                }
                "Runtime.consoleAPICalled" if parameters["type"] != "log" => Some(event.to_string()),
                "Network.requestWillBeSent" if !own(url) && parameters["type"] != "Document" => Some(url.to_owned()),
                "Network.requestWillBeSent"
                    if parameters["type"] == "Document" && !own(url) && !url.starts_with("file:") =>
                {
                    Some(url.to_owned())
                }
                _ => None,
            }
        };
        events.filter_map(complaint).collect()
    }

    fn mouse(&mut self, kind: &str, at: &Value, clicks: u32) {
        let button = if clicks > 0 { "left" } else { "none" };
        self.call(
            "Input.dispatchMouseEvent",
            json!({"type": kind, "x": at[0], "y": at[1], "button": button, "clickCount": clicks}),
        );
    }

    /// Calls a method and waits for its reply; events that come before it are kept.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).expect("the browser listens");
        loop {
            let reply = self.read();
            if reply["id"] == id {
                assert!(reply.get("error").is_none(), "{method}: {reply}");
                return reply["result"].clone();
            }
            self.events.push_back(reply);
        }
    }

    /// The next event from the wire, kept for [`Self::complaints`] too.
    fn next_event(&mut self) -> Value {
        let event = self.read();
        self.events.push_back(event.clone());
        event
    }

    fn read(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("the browser answers within a minute") {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// Port and path, from the file that the browser writes when it listens.
fn address(file: &Path) -> (u16, String) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n').filter(|(_, path)| path.len() > 20) {
            return (port.parse().expect("a port"), path.trim().to_owned());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("Chromium did not listen within a minute");
}
