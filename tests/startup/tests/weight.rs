//! Guards of the functions' size: the crates that they link, and the check of `make size`, which needs the release
//! build that tests do not make.

// Tells clippy that helpers are tests too.
#![cfg(test)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use landfall_startup::{functions::FUNCTIONS, sizes};
use sha2::{Digest as _, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The crates that are linked into a function on Linux.
fn crates(function: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--no-dedupe",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--package", function])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, rest)| format!("{name} {rest}")).collect()
}

fn names(crates: &BTreeSet<String>) -> BTreeSet<&str> {
    crates.iter().filter_map(|text| text.split(' ').next()).collect()
}

/// Crates that no function may link, with what each would cost.
const UNWANTED: [(&str, &str); 13] = [
    ("native-tls", "a second TLS stack"),
    ("openssl", "a second TLS stack"),
    ("s2n-tls", "a second TLS stack"),
    ("aws-lc-rs", "a second library of ciphers, larger than ring"),
    ("webpki-roots", "a second certificate store"),
    ("regex", "its tables are half a megabyte"),
    ("regex-automata", "its tables are half a megabyte"),
    ("reqwest", "a second HTTP client"),
    ("ureq", "a second HTTP client"),
    ("clap", "the command line alone needs it"),
    ("minijinja", "the command line alone needs it"),
    ("aws-sdk-sso", "the sign-in of the command line alone"),
    ("aws-sdk-ssooidc", "the sign-in of the command line alone"),
];

/// The services that the functions call. STS is for credentials.
const SERVICES: [&str; 6] =
    ["aws-sdk-ecs", "aws-sdk-eventbridge", "aws-sdk-s3", "aws-sdk-scheduler", "aws-sdk-sqs", "aws-sdk-sts"];

#[test]
fn a_function_links_one_tls_stack_one_http_client_and_only_the_services_that_it_calls() {
    for function in FUNCTIONS {
        let crates = crates(function);
        let names = names(&crates);
        assert!(
            ["rustls", "ring", "aws-sdk-s3"].iter().all(|name| names.contains(name)),
            "{function}: is this the right list? {names:?}"
        );
        for (unwanted, cost) in UNWANTED {
            assert!(!names.contains(unwanted), "{function} depends on {unwanted}: {cost}");
        }
        let services: Vec<&str> =
            names.iter().filter(|name| name.starts_with("aws-sdk-") && !SERVICES.contains(name)).copied().collect();
        assert!(services.is_empty(), "{function} depends on {services:?}, which it does not call");
        for once in ["hyper", "http", "rustls", "tokio", "h2"] {
            let versions: Vec<&String> = crates.iter().filter(|text| text.starts_with(&format!("{once} "))).collect();
            let versions: BTreeSet<&str> = versions.iter().filter_map(|text| text.split(' ').nth(1)).collect();
            assert!(versions.len() <= 1, "{function} links {once} more than once: {versions:?}");
        }
    }
}

/// With two libraries of ciphers rustls finds no default, and code that relies on one panics. The lock file also
/// lists crates of features that are off.
#[test]
fn ring_is_the_only_library_of_ciphers() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(names.contains("\"ring\"") && names.contains("\"rustls\""), "is this the right file?");
    for other in ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "native-tls", "openssl", "openssl-sys", "s2n-tls"] {
        assert!(!names.contains(format!("\"{other}\"").as_str()), "Cargo.lock lists {other}");
    }
}

/// Runs the check of `make size` on a folder of files in place of the functions.
fn check_sizes(folder: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_startup")).arg(folder).arg("--sizes").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

#[test]
fn the_size_check_fails_for_a_function_that_is_too_large_or_not_built() {
    let folder = tempfile::tempdir().unwrap();
    for name in FUNCTIONS.into_iter().chain(["no-sdk"]) {
        std::fs::write(folder.path().join(name), "small").unwrap();
    }
    let (good, text) = check_sizes(folder.path());
    assert!(good, "{text}");

    // Each SHA-256 is of the one before, so deflate finds nothing to compress.
    let mut block = Sha256::digest(b"seed");
    let mut bytes = Vec::new();
    while u64::try_from(bytes.len()).unwrap() <= sizes::MOST_ZIPPED {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    let first = folder.path().join(FUNCTIONS[0]);
    std::fs::write(&first, bytes).unwrap();
    let (good, text) = check_sizes(folder.path());
    let line = text.lines().find(|line| line.starts_with(FUNCTIONS[0])).unwrap();
    assert!(!good && line.ends_with("more than 4.0 MB"), "{text}");

    std::fs::remove_file(first).unwrap();
    let (good, text) = check_sizes(folder.path());
    assert!(!good && text.contains("`make release`"), "{text}");
}
