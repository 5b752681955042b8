//! The page in headless Chromium. `make test-browser` runs this; other runs list it as ignored.

use std::path::PathBuf;

use image::{Rgb, RgbImage};
use serde_json::json;
use tessera_eval::report::write;

use crate::browser::Browser;
use crate::fixture;

/// File names that would run, leave an attribute, or close an element if they were not escaped.
const HOSTILE: [&str; 3] =
    ["<script>window.hacked=1<_script>.png", "\"><img src=x onerror=window.hacked=1>.png", "{{data}}'</script.png"];

/// A report of three small pictures with hostile names.
fn report(folder: &std::path::Path) -> PathBuf {
    let picture = |seed: u32| {
        RgbImage::from_fn(96, 72, |x, y| {
            let wave = (f64::from(x * (seed + 2)) / 9.0).sin() * 60.0 + (f64::from(y) / 5.0).cos() * 50.0 + 120.0;
            Rgb([wave as u8, (wave * 0.7) as u8 ^ ((x * y + seed) % 32) as u8, (x * 2) as u8])
        })
    };
    let pictures: Vec<_> = (0..).zip(HOSTILE).map(|(seed, name)| (name.to_owned(), picture(seed))).collect();
    let run = fixture::run(&pictures, &[10, 30, 60, 85], folder);
    write(&run, folder, &folder.join("out")).expect("a report");
    folder.join("out/index.html")
}

const BYTES_COLUMN: &str =
    "[...document.querySelectorAll('#cells tbody tr')].map((row) => Number(row.cells[3].dataset.v))";
const CLIP: &str = "getComputedStyle(document.getElementById('left-picture')).clipPath";

#[test]
#[ignore = "needs Chromium: make test-browser"]
fn a_reader_can_sort_compare_and_choose_and_nothing_is_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = report(folder.path());
    let mut browser = Browser::start();
    browser.open(&page, 1280);

    let before: Vec<u64> = serde_json::from_value(browser.eval(BYTES_COLUMN)).expect("numbers");
    browser.click("#cells thead th:nth-child(4) button");
    let mut sorted = before.clone();
    sorted.sort_unstable();
    assert_ne!(before, sorted);
    assert_eq!(browser.eval(BYTES_COLUMN), json!(sorted));
    assert_eq!(browser.eval("document.querySelector('#cells th:nth-child(4)').getAttribute('aria-sort')"), "ascending");
    browser.key("Enter", 13);
    sorted.reverse();
    assert_eq!(browser.eval(BYTES_COLUMN), json!(sorted), "the heading has the focus, and Enter presses it");

    assert_eq!(browser.eval(CLIP), "inset(0px 50% 0px 0px)");
    browser.eval("document.getElementById('slider').focus()");
    (0..10).for_each(|_| browser.key("ArrowRight", 39));
    assert_eq!(browser.eval(CLIP), "inset(0px 45% 0px 0px)");
    browser.click("#slider");
    assert_eq!(
        browser.eval(CLIP),
        "inset(0px 50% 0px 0px)",
        "a click in the middle of the pictures moves the divider there"
    );

    let shown = "document.querySelector('.wide .series[data-codec=\"1\"]').getClientRects().length > 0";
    assert_eq!(browser.eval(shown), true);
    browser.click(".toggle input[data-codec=\"1\"]");
    assert_eq!(browser.eval(shown), false);

    let mark = "(() => { const e = document.querySelector('.wide .series[data-codec=\"0\"] .mark'); e.scrollIntoView({block: 'center', behavior: 'instant'}); const b = e.getBoundingClientRect(); return [b.x + 4, b.y + 4]; })()";
    let at = browser.eval(mark);
    browser.point(&at);
    let tip = browser.eval("document.querySelector('.tip').textContent");
    assert!(tip.as_str().is_some_and(|tip| tip.contains("half-jpeg") && tip.contains("bpp")), "{tip}");

    browser
        .eval("{ const s = document.getElementById('anchor'); s.value = '0'; s.dispatchEvent(new Event('change')); }");
    assert_eq!(
        browser.eval("[...document.querySelectorAll('[data-anchor]:not([hidden])')].map((t) => t.dataset.anchor)"),
        json!(["0"])
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium: make test-browser"]
fn codecs_are_compared_at_the_nearest_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = report(folder.path());
    let mut browser = Browser::start();
    browser.open(&page, 1280);
    let choose = |id: &str, value: &str| {
        format!(
            "{{ const s = document.getElementById('{id}'); s.value = '{value}'; s.dispatchEvent(new Event('change')); }}"
        )
    };
    browser.eval(&choose("left", "1"));
    browser.eval(&choose("right", "0"));
    let nearest = "(() => {
      const { gallery } = JSON.parse(document.getElementById('data').textContent);
      const shots = gallery.files[0].shots, bytes = (id) => shots[document.getElementById(id).value].bytes;
      const goal = bytes('left-rate'), far = (b) => Math.abs(Math.log(b / goal));
      return far(bytes('right-rate')) <= Math.min(...shots.filter((s) => s.codec === 0).map((s) => far(s.bytes)));
    })()";
    assert_eq!(browser.eval(nearest), true);
    let caption = browser.eval("document.getElementById('right-caption').textContent");
    assert!(
        caption
            .as_str()
            .is_some_and(|text| text.contains("half-jpeg") && text.contains("bytes") && text.contains("bpp"))
    );
    assert_eq!(browser.eval("document.getElementById('right-picture').decode().then(() => true)"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium: make test-browser"]
fn page_fits_a_phone_and_hostile_names_stay_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = report(folder.path());
    let mut browser = Browser::start();
    browser.open(&page, 390);
    let width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)";
    assert_eq!(browser.eval("innerWidth"), 390);
    assert!(browser.eval(width).as_u64().is_some_and(|width| width <= 390), "{}", browser.eval(width));
    assert_eq!(browser.eval("document.querySelector('.narrow svg').getClientRects().length > 0"), true);
    assert_eq!(browser.eval("window.hacked === undefined"), true);
    assert_eq!(browser.eval("document.scripts.length"), 2);
    let names: Vec<String> =
        serde_json::from_value(browser.eval("[...document.querySelectorAll('#file option')].map((o) => o.text)"))
            .expect("names");
    let mut expected = HOSTILE.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(
        names.iter().map(|n| n.replace('/', "_")).collect::<Vec<_>>(),
        expected.iter().map(|n| n.replace('/', "_")).collect::<Vec<_>>()
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
