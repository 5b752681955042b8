//! Pictures whose packets are lost, and packs that add to the picture codec.

use std::{fmt::Write, fs, path::Path};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::run::{fails, folder, json, sample, stderr, succeeds, tessera};

/// A folder with a refiner and a masked-token model for the default image pack, their graphs those of the image codec's tests.
fn additions() -> TempDir {
    let packs = json(&mut tessera(["models", "list", "--json"]));
    let base = packs.iter().find(|pack| pack["kind"] == "image").unwrap()["hash"].as_str().unwrap().to_owned();
    let folder = folder();
    let graphs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codecs/image/tests/additions");
    for (kind, more) in [("refiner", "stride = 16\nnoise = 0.1\nnoise_halves = 24.0"), ("masked", "")] {
        let own = folder.path().join(kind);
        fs::create_dir(&own).unwrap();
        let mut manifest = format!(
            "format = 1\nid = \"test-{kind}\"\nversion = \"1\"\nmodality = \"{kind}\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
             [{kind}]\nbase = \"{base}\"\ndim = 16\ndepth = 12\ngraph = \"{kind}.onnx\"\n{more}\n"
        );
        let graph = fs::read(graphs.join(format!("{kind}.onnx"))).unwrap();
        for (name, data) in [(format!("{kind}.onnx"), &graph[..]), ("CARD.md".to_owned(), b"# for tests")] {
            let digest = Sha256::digest(data).iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            });
            write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
            fs::write(own.join(name), data).unwrap();
        }
        fs::write(own.join("pack.toml"), manifest).unwrap();
    }
    folder
}

#[test]
fn packets_are_lost_concealed_and_told() {
    let (out, models) = (folder(), additions());
    let file = out.path().join("a.tsr");
    succeeds(tessera(["encode", "--resilient", "--rung", "1x12", "-o"]).arg(&file).arg(sample("face.jpg")));
    let report = &json(tessera(["info", "--json"]).arg(&file))[0];
    let packets = report["parts"].as_array().unwrap().iter();
    assert_eq!(packets.filter(|part| part["name"].as_str().unwrap().starts_with("interleaved")).count(), 2 * 16);
    assert!(report["token_bytes"].as_u64().unwrap() > 500);
    let decode = |name: &str, more: &[&str]| {
        let to = out.path().join(name);
        let command = &mut tessera(["decode", "--force", "--json", "-o"]);
        let report = json(command.arg(&to).arg(&file).args(more).arg("--models").arg(models.path()))[0].clone();
        (fs::read(to).unwrap(), report["losses"].as_array().unwrap().len())
    };
    let (whole, losses) = decode("whole.png", &[]);
    assert_eq!((decode("none.png", &["--simulate-loss", "0"]), losses), ((whole.clone(), 0), 0));
    let lost = ["--simulate-loss", "30", "--seed", "5"];
    let (model, losses) = decode("model.png", &lost);
    assert_eq!(losses, 1);
    assert!(model != whole && model == decode("again.png", &lost).0);
    let other = |how| decode(&format!("{how}.png"), &[&lost[..], &["--conceal", how]].concat()).0;
    assert_eq!(other("model"), model);
    assert!(other("mean") != model && other("repeat") != model && other("mean") != other("repeat"));
    let noted = tessera(["decode", "-o"]).arg(out.path().join("n.png")).arg(&file).args(lost).output().unwrap();
    assert!(noted.status.success() && stderr(&noted).contains("note: "), "{}", stderr(&noted));
    fails(tessera(["decode", "-f", "--simulate-loss", "100"]).arg(&file), 1, "all of its packets");
}

#[test]
fn what_cannot_be_lost_refined_or_healed_says_so() {
    let out = folder();
    let file = out.path().join("a.tsr");
    succeeds(tessera(["encode", "-q", "0", "-o"]).arg(&file).arg(sample("text.png")));
    fails(tessera(["decode", "--simulate-loss", "10"]).arg(&file), 2, "--resilient");
    fails(tessera(["decode", "--simulate-loss", "110"]).arg(&file), 2, "from 0 to 100");
    fails(tessera(["decode", "--seed", "1"]).arg(&file), 2, "--simulate-loss");
    fails(tessera(["decode", "--refine", "33"]).arg(&file), 2, "--refine");
    let sound = out.path().join("s.tsr");
    succeeds(tessera(["encode", "--depth", "6", "-o"]).arg(&sound).arg(sample("speech.flac")));
    fails(tessera(["decode", "--refine", "1"]).arg(&sound), 2, "--refine does not apply");
    fails(
        tessera(["encode", "--resilient", "-o"]).arg(out.path().join("x.tsr")).arg(sample("speech.flac")),
        2,
        "--resilient",
    );
}

#[test]
fn a_refiner_in_a_folder_is_found_and_changes_the_picture_without_a_bit() {
    let (out, models) = (folder(), additions());
    let file = out.path().join("a.tsr");
    succeeds(tessera(["encode", "--rung", "1x6", "-o"]).arg(&file).arg(sample("text.png")));
    let decode = |more: &[&str]| {
        let to = out.path().join("a.png");
        succeeds(tessera(["decode", "-f", "-o"]).arg(&to).arg(&file).args(more).arg("--models").arg(models.path()));
        fs::read(to).unwrap()
    };
    let pictures = [decode(&[]), decode(&["--refine", "1"]), decode(&["--refine", "2"]), decode(&["--heal"])];
    for (n, picture) in pictures.iter().enumerate() {
        assert!(pictures[..n].iter().all(|other| other != picture), "{n}");
    }
    assert_eq!(decode(&["--refine", "2"]), pictures[2]);
    let listed = json(tessera(["models", "list", "--json", "--models"]).arg(models.path()));
    let refiner = listed.iter().find(|pack| pack["id"] == "test-refiner").unwrap();
    let base = listed.iter().find(|pack| pack["kind"] == "image").unwrap();
    assert_eq!((&refiner["kind"], &refiner["adds_to"]), (&"refiner".into(), &base["id"]));
    succeeds(tessera(["models", "verify", "test-masked", "--models"]).arg(models.path()));
}

#[test]
fn loss_of_pictures_prints_a_line_for_every_share_and_way() {
    let models = additions();
    let rows =
        json(tessera(["loss", "--json", "--percent", "0,30", "--models"]).arg(models.path()).arg(sample("face.jpg")));
    let of = |row: &serde_json::Value, key: &str| row[key].as_f64().unwrap();
    assert_eq!(rows.len(), 1 + 3 * 2);
    let psnr = |row: &serde_json::Value| {
        let metrics = row["metrics"].as_array().unwrap().iter();
        metrics.clone().find(|metric| metric[0] == "psnr").unwrap()[1].as_f64().unwrap()
    };
    for pair in rows[1..].chunks(2) {
        assert!(of(&pair[0], "lost") == 0.0 && of(&pair[1], "lost") > 5.0, "{pair:?}");
        assert!(psnr(&pair[1]) < psnr(&pair[0]), "{pair:?}");
        assert!(of(&pair[0], "bpp") > of(&rows[0], "bpp"), "packets cost bytes");
    }
    // Coarse tokens can be healed, and that is measured beside them.
    let coarse = json(
        tessera(["loss", "--json", "--rung", "1x5", "--percent", "0", "--models"])
            .arg(models.path())
            .arg(sample("face.jpg")),
    );
    assert_eq!((coarse.len(), &coarse[0]["conceal"], &coarse[1]["conceal"]), (5, &"plain".into(), &"healed".into()));
    assert!(of(&coarse[1], "bpp") == of(&coarse[0], "bpp") && psnr(&coarse[1]) != psnr(&coarse[0]), "{coarse:?}");
    fails(tessera(["loss"]).arg(sample("face.jpg")).arg(sample("speech.flac")), 2, "run of its own");
}
