//! The page in headless Chromium, with a microphone that plays a file. Not part of an ordinary test run: `make test-browser`.

// Not every test drives every part of the browser.
#[allow(dead_code)]
#[path = "../../../codecs/eval/tests/report/browser.rs"]
mod driver;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tessera_audio::Sound;
use tessera_audio::io::{Depth, write_wav};
use tessera_serve::Options;

use self::driver::Browser;
use crate::fixture::{Running, codec, floats, speech};

const PATIENCE: Duration = Duration::from_secs(60);

/// Speech as a file that Chromium takes for a microphone, again and again.
fn microphone(folder: &Path) -> String {
    let sound = Sound::mono(codec().rate(), floats(&speech(3.0)));
    let path = folder.join("microphone.wav");
    std::fs::write(&path, write_wav(&sound, Depth::Pcm16).unwrap()).unwrap();
    path.display().to_string()
}

fn browser(microphone: &str) -> Browser {
    Browser::start_with(&[
        "--use-fake-ui-for-media-stream".to_owned(),
        "--use-fake-device-for-media-stream".to_owned(),
        format!("--use-file-for-fake-audio-capture={microphone}"),
        "--autoplay-policy=no-user-gesture-required".to_owned(),
    ])
}

/// Waits until an expression of JavaScript is true.
fn wait(browser: &mut Browser, condition: &str) {
    let start = Instant::now();
    while browser.eval(condition) != true {
        let status = browser.eval("document.body.innerText");
        assert!(start.elapsed() < PATIENCE, "never {condition}: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn text(browser: &mut Browser, id: &str) -> String {
    let text = browser.eval(&format!("document.getElementById({}).textContent", json!(id)));
    text.as_str().expect("text").to_owned()
}

/// The first number in a text such as `1,234 bit/s`.
fn number(text: &str) -> f64 {
    let digits: String = text.chars().filter(|c| *c != ',').take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} begins with no number"))
}

#[test]
#[ignore = "starts Chromium: make test-browser"]
fn the_page_sends_a_microphone_shows_its_tokens_and_plays_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Running::start(Options::default()));
    let folder = tempfile::tempdir().unwrap();
    let mut browser = browser(&microphone(folder.path()));
    browser.open_site(&server.address.to_string(), 1100);
    wait(&mut browser, "document.getElementById('status').textContent.startsWith('Ready')");

    // Live, without loss.
    browser.click("#microphone");
    wait(&mut browser, "document.getElementById('status').dataset.kind === 'live'");
    wait(&mut browser, "parseInt(document.getElementById('count').textContent.replace(',', '')) > 200");
    assert_eq!(number(&text(&mut browser, "bits")), 960.0);
    // Packets of four tokens: three bytes and six.
    assert_eq!(number(&text(&mut browser, "bytes")), 20.0 * 9.0 * 8.0);
    assert!(text(&mut browser, "lost").starts_with("0 of"));
    // The newest sample of a packet waits for the rest of the model's window, 27.5 ms; on a busy machine for more.
    let (wait_ms, back, delay) = (
        number(&text(&mut browser, "wait")),
        number(&text(&mut browser, "back")),
        number(&text(&mut browser, "delay")),
    );
    assert!(wait_ms < 1000.0 && back > 27.5 && back < 1500.0 && delay > back, "{wait_ms} {back} {delay}");
    let latest = text(&mut browser, "latest");
    let tokens: Vec<u32> =
        latest.split(' ').map(|token| token.parse().unwrap_or_else(|_| panic!("{latest}"))).collect();
    assert_eq!(tokens.len(), 12);
    assert!(tokens.iter().all(|&token| token < 4096) && tokens.iter().any(|&token| token != tokens[0]), "{latest}");
    // The tape is painted.
    let painted = browser.eval(
        "(() => { const c = document.getElementById('tape'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
         let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n / (d.length / 4); })()",
    );
    assert!(painted.as_f64().is_some_and(|share| share > 0.3), "{painted}");

    // With loss.
    browser.eval(
        "(() => { const e = document.getElementById('loss'); e.value = 30; e.dispatchEvent(new Event('input')); })()",
    );
    wait(&mut browser, "parseInt(document.getElementById('lost').textContent) > 5");
    wait(&mut browser, "document.getElementById('latest').textContent.includes('····')");

    browser.click("#stop");
    wait(&mut browser, "document.getElementById('status').dataset.kind === 'done'");
    wait(&mut browser, "!document.getElementById('microphone').disabled");
    let done = text(&mut browser, "status");
    let count = number(&text(&mut browser, "count"));
    assert!(done.contains(&format!("{count} tokens")), "{done} but {count}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(browser);
    runtime.block_on(server.stop());
}

#[test]
#[ignore = "starts Chromium: make test-browser"]
fn what_the_page_plays_is_what_the_decoder_makes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Running::start(Options::default()));
    let mut browser = browser("");
    browser.open_site(&server.address.to_string(), 400);
    wait(&mut browser, "document.getElementById('status').textContent.startsWith('Ready')");
    // The page's own streams, fed with samples as fast as they go.
    let samples = speech(1.0);
    let script = format!(
        "(async () => {{ const {{ Streams }} = await import('/streams.js'); const got = []; const tokens = []; \
         const summary = await new Promise((done, fail) => {{ \
           const streams = new Streams({{ rate: 16000, depth: 10, packet: 3, key: '', lose: () => false, on: {{ \
             ready() {{ const all = new Int16Array({}); \
               for (let n = 0; n < all.length; n += 777) streams.push(all.slice(n, n + 777).buffer); streams.end(); }}, \
             tokens(some) {{ tokens.push(...some); }}, \
             samples(buffer) {{ got.push(...new Int16Array(buffer)); }}, end: done, fail }} }}); }}); \
         return {{ got, tokens, summary }}; }})()",
        json!(samples)
    );
    let made = browser.eval(&script);
    let tokens = crate::fixture::offline_tokens(&samples, 10);
    assert_eq!(made["tokens"], json!(tokens));
    let wanted = crate::fixture::offline_samples(&tokens, 10, samples.len() as u64);
    let got: Vec<i64> = made["got"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    assert_eq!(got, wanted.iter().map(|&sample| i64::from(sample)).collect::<Vec<_>>());
    assert_eq!(made["summary"]["samples"], samples.len());
    // Narrow windows show everything without scrolling sideways.
    assert_eq!(browser.eval("document.documentElement.scrollWidth <= innerWidth"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(browser);
    runtime.block_on(server.stop());
}
