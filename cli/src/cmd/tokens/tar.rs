//! WebDataset samples in tar archives: members that follow one another and share a key, `<key>.npy` and `<key>.json`.
//!
//! The same samples give the same bytes: members have no time, no owner and fixed permissions.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek},
    path::{Component, Path},
};

use tar::{Archive, Builder, EntryType, Header};

/// What ends an archive: two empty blocks.
pub const END: [u8; 1024] = [0; 1024];
/// Bytes of a block, and where a header says that it is one.
const BLOCK: u64 = 512;
const MAGIC: (usize, &[u8]) = (257, b"ustar");

/// The members of one sample, by ending, without the end of an archive.
pub fn sample(key: &str, members: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (ending, bytes) in members {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(&mut header, format!("{key}.{ending}"), *bytes)?;
    }
    let mut archive = builder.into_inner()?;
    archive.truncate(archive.len() - END.len());
    Ok(archive)
}

/// Whether bytes begin an archive.
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(MAGIC.0..).is_some_and(|rest| rest.starts_with(MAGIC.1))
}

/// Where a sample lies in an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub key: String,
    /// First byte of its first member.
    pub at: u64,
    /// Bytes up to the end of its last member.
    pub len: u64,
}

/// The samples of the archive at `path`; `None` where it holds something else.
pub fn places(path: &Path) -> io::Result<Option<Vec<Place>>> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(BLOCK).read_to_end(&mut head)?;
    if !is_archive(&head) {
        return Ok(None);
    }
    file.rewind()?;
    let mut places: Vec<Place> = Vec::new();
    // A long name has blocks of its own before the header: a sample begins where the member before it ends.
    let mut at = 0;
    for entry in Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let size = entry.size().checked_next_multiple_of(BLOCK);
        let end =
            size.and_then(|size| entry.raw_file_position().checked_add(size)).ok_or(io::ErrorKind::InvalidData)?;
        let start = std::mem::replace(&mut at, end);
        let Some((key, _)) = member(&entry.path()?).filter(|_| entry.header().entry_type() == EntryType::Regular)
        else {
            continue;
        };
        match places.last_mut().filter(|last| last.key == key) {
            Some(last) => last.len = end - last.at,
            None => places.push(Place { key, at: start, len: end - start }),
        }
    }
    Ok(Some(places))
}

/// The members of the only sample in an archive, by ending; what is wrong, otherwise.
pub fn members(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let damaged = |error: io::Error| format!("the archive is damaged ({error})");
    let (mut members, mut first) = (Vec::new(), None);
    for entry in Archive::new(Cursor::new(bytes)).entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let Some((key, ending)) = member(&path).filter(|_| entry.header().entry_type() == EntryType::Regular) else {
            continue;
        };
        if *first.get_or_insert_with(|| key.clone()) != key {
            return Err("the archive holds several sounds; name it as a file, and a folder with -o".to_owned());
        }
        // As much as there is, whatever a header claims.
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(damaged)?;
        members.push((ending, content));
    }
    Ok(members)
}

/// Key and ending of a member: its name is cut at the first dot. `None` for a name that leads out of its folder.
fn member(path: &Path) -> Option<(String, String)> {
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.split_once('.').filter(|(stem, _)| !stem.is_empty())?;
    let key = path.with_file_name(stem).to_str()?.replace('\\', "/");
    inside.then(|| (key.strip_prefix("./").unwrap_or(&key).to_owned(), ending.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn archive() -> Vec<u8> {
        let long = "deep/".repeat(40) + "b";
        let one = sample("a", &[("npy", b"array"), ("json", b"{}")]).unwrap();
        let two = sample(&long, &[("npy", &[7; 600]), ("json", b"{}")]).unwrap();
        [&one[..], &two, &END].concat()
    }

    fn written(bytes: &[u8]) -> Option<Vec<Place>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        fs::write(&path, bytes).unwrap();
        places(&path).ok().flatten()
    }

    #[test]
    fn samples_are_found_and_cut_out_again() {
        let archive = archive();
        let places = written(&archive).unwrap();
        assert_eq!(places.len(), 2);
        assert!(places[1].key.ends_with("deep/b") && places[0].key == "a");
        let cut = |place: &Place| members(&archive[place.at as usize..(place.at + place.len) as usize]).unwrap();
        assert_eq!(cut(&places[0]), [("npy".into(), b"array".to_vec()), ("json".into(), b"{}".to_vec())]);
        assert_eq!(cut(&places[1])[0], ("npy".into(), vec![7; 600]));
        assert!(members(&archive).unwrap_err().contains("several"));
    }

    #[test]
    fn archives_that_lie_are_no_danger() {
        let archive = archive();
        for len in 0..archive.len() {
            for place in written(&archive[..len]).unwrap_or_default() {
                assert!(!place.key.is_empty());
            }
            let _ = members(&archive[..len]);
        }
        for name in ["../a.npy", "/a.npy", "a/../../b.npy"] {
            assert_eq!(member(Path::new(name)), None, "{name}");
        }
        let mut huge = archive;
        huge[124..135].copy_from_slice(b"77777777777");
        assert!(members(&huge).is_err() || members(&huge).unwrap()[0].1.len() < 10_000);
        let _ = written(&huge);
        assert_eq!(written(b"no archive"), None);
    }
}
