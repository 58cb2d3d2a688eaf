//! The patch in the workspace's Cargo.toml still applies. Cargo ignores a patch silently when the SDK asks for another version of `crc-fast`, and each
//! function would grow by 0.7 MB.

// Tells clippy that this is a test.
#![cfg(test)]

/// Returns the entries of Cargo.lock.
fn packages(lock: &str) -> Vec<&str> {
    lock.split("\n\n").filter(|entry| entry.starts_with("[[package]]")).collect()
}

#[test]
fn the_sdk_uses_this_crate_for_its_checksums() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    let packages = packages(&lock);
    let versions: Vec<&&str> = packages.iter().filter(|entry| entry.contains("\nname = \"crc-fast\"\n")).collect();
    let [entry] = versions.as_slice() else { panic!("Cargo.lock has {} versions of crc-fast", versions.len()) };
    assert!(
        !entry.contains("\nsource = "),
        "crc-fast comes from a registry: set the version in shared/crc/Cargo.toml to the SDK's"
    );
    let is_used =
        |entry: &&str| entry.contains("\nname = \"aws-smithy-checksums\"\n") && entry.contains("\n \"crc-fast\",");
    assert!(packages.iter().any(is_used), "aws-smithy-checksums does not use crc-fast any more: drop shared/crc");
}
