//! Guards of what the functions weigh: always of what they depend on, and of their sizes where the release was built.

// Tells clippy that helpers are tests too.
#![cfg(test)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use landfall_startup::{functions::FUNCTIONS, sizes};

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

/// Each with what it would cost.
const UNWANTED: [(&str, &str); 13] = [
    ("native-tls", "a second TLS stack"),
    ("openssl", "a second TLS stack"),
    ("s2n-tls", "a second TLS stack"),
    ("aws-lc-rs", "a second library of ciphers, larger than ring"),
    ("webpki-roots", "a second certificate store"),
    ("regex", "its tables are half a megabyte"),
    ("regex-automata", "the same"),
    ("reqwest", "a second HTTP client"),
    ("ureq", "a second HTTP client"),
    ("clap", "the command line's"),
    ("minijinja", "the command line's"),
    ("aws-sdk-sso", "sign-in of people"),
    ("aws-sdk-ssooidc", "sign-in of people"),
];

/// What the functions speak to; the last for credentials.
const SERVICES: [&str; 6] =
    ["aws-sdk-ecs", "aws-sdk-eventbridge", "aws-sdk-s3", "aws-sdk-scheduler", "aws-sdk-sqs", "aws-sdk-sts"];

#[test]
fn a_function_links_one_tls_stack_one_http_client_and_the_services_it_speaks_to() {
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
        assert!(services.is_empty(), "{function} depends on {services:?}, which it does not speak to");
        for once in ["hyper", "http", "rustls", "tokio", "h2"] {
            let versions: Vec<&String> = crates.iter().filter(|text| text.starts_with(&format!("{once} "))).collect();
            let versions: BTreeSet<&str> = versions.iter().filter_map(|text| text.split(' ').nth(1)).collect();
            assert!(versions.len() <= 1, "{function} links {once} more than once: {versions:?}");
        }
    }
}

/// With two libraries of ciphers rustls finds no default, and whoever relies on one panics: not in the functions alone, and in no feature either, for
/// the lock file knows those that are off, too.
#[test]
fn nothing_here_knows_a_library_of_ciphers_but_ring() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(names.contains("\"ring\"") && names.contains("\"rustls\""), "is this the right file?");
    for other in ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "native-tls", "openssl", "openssl-sys", "s2n-tls"] {
        assert!(!names.contains(format!("\"{other}\"").as_str()), "Cargo.lock knows {other}");
    }
}

#[test]
fn a_release_build_is_small_enough_to_ship() {
    let folder = root().join("target/release");
    let (there, missing): (Vec<&str>, Vec<&str>) = FUNCTIONS.into_iter().partition(|name| folder.join(name).is_file());
    if !missing.is_empty() {
        eprintln!(
            "SKIPPED for {missing:?}: nothing is said about their size, for {} has no release build of them; `make size` builds and weighs all",
            folder.display()
        );
    }
    for name in there {
        let size = sizes::zipped(&folder.join(name)).unwrap();
        assert!(size <= sizes::MOST_ZIPPED, "{name} is {size} bytes zipped, more than {}", sizes::MOST_ZIPPED);
    }
}
