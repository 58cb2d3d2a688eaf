//! `make deploy`, `make destroy` and the build of a function, with a SAM CLI and a cargo that only write down how they were called.

// Tells clippy that helpers are tests too.
#![cfg(test)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A copy of what the scripts read, and programs that stand in for others.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new(samconfig: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("scripts")).unwrap();
        for name in ["scripts/deploy.sh", "scripts/destroy.sh", "scripts/build-function.sh", "template.yaml"] {
            fs::copy(root.join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("samconfig.toml"), samconfig).unwrap();
        Self { folder }
    }

    /// A program that notes its arguments and then does this.
    fn program(&self, name: &str, does: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        let notes = self.notes();
        let script =
            format!("#!/bin/sh\necho \"{name} $* [${{LANDFALL_TARGET:-}}]\" >> '{}'\n{does}\n", notes.display());
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    fn noted(&self) -> Vec<String> {
        let text = fs::read_to_string(self.notes()).unwrap_or_default();
        text.lines().filter(|line| !line.contains("--version")).map(str::to_owned).collect()
    }

    fn run(&self, script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new("sh");
        command.arg(self.folder.path().join(script)).args(arguments);
        for name in ["LANDFALL_TARGET", "STACK", "CONFIG_ENV", "GUIDED", "LANDFALL_ZIG", "CARGO_TARGET_DIR", "RUSTC"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).output().unwrap()
    }

    fn deploy(&self, variables: &[(&str, &str)]) -> (Output, Vec<String>) {
        let sam = self.program("sam", "");
        let sam = sam.to_str().unwrap();
        let output = self.run("scripts/deploy.sh", &[], &[&[("SAM", sam)], variables].concat());
        (output, self.noted())
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// This machine's processor in the template's words, the other one, and the other one's target.
fn processors() -> (&'static str, &'static str, &'static str) {
    if cfg!(target_arch = "aarch64") {
        ("arm64", "x86_64", "x86_64-unknown-linux-gnu")
    } else {
        ("x86_64", "arm64", "aarch64-unknown-linux-gnu")
    }
}

const OWN: &str = "version = 0.1\n[default.global.parameters]\nstack_name = \"landfall\"\n[default.deploy.parameters]\nresolve_s3 = true\n";

#[test]
fn the_first_deploy_asks_and_the_next_goes_by_the_answers() {
    let (output, calls) = Checkout::new(OWN).deploy(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(calls[0].starts_with("sam build --config-env default"), "{calls:?}");
    assert!(calls[1].starts_with("sam deploy --config-env default --guided"), "{calls:?}");

    let answered = format!("{OWN}region = \"eu-west-1\"\n");
    let (_, calls) = Checkout::new(&answered).deploy(&[("STACK", "shop")]);
    assert!(calls[1].starts_with("sam deploy --config-env default --stack-name shop ["), "{calls:?}");
    let (_, calls) = Checkout::new(&answered).deploy(&[("GUIDED", "1")]);
    assert!(calls[1].contains("--guided"), "{calls:?}");
    let (_, calls) = Checkout::new(&answered).deploy(&[("CONFIG_ENV", "prod")]);
    assert!(calls[1].starts_with("sam deploy --config-env prod --guided"), "another environment: {calls:?}");
}

#[test]
fn functions_are_built_for_the_processor_that_the_stack_asks_for() {
    let (own, other, target) = processors();
    let config = |architecture: &str| {
        format!(
            "{OWN}region = \"eu-west-1\"\nparameter_overrides = \"LandingBuckets=a Architecture={architecture}\"\n# Architecture=nonsense\n"
        )
    };
    let (_, calls) = Checkout::new(&config(other)).deploy(&[]);
    assert!(calls[0].ends_with(&format!("[{target}]")), "{calls:?}");
    if cfg!(target_os = "linux") {
        let (_, calls) = Checkout::new(&config(own)).deploy(&[]);
        assert!(calls[0].ends_with("[]"), "{calls:?}");
    }
    let quoted = config(other).replace(&format!("Architecture={other}"), &format!("Architecture=\\\"{other}\\\""));
    let (_, calls) = Checkout::new(&quoted).deploy(&[]);
    assert!(calls[0].ends_with(&format!("[{target}]")), "as --guided writes it: {calls:?}");
    let (output, calls) = Checkout::new(&config("riscv")).deploy(&[]);
    assert!(!output.status.success() && calls.is_empty(), "{}", said(&output));
}

#[test]
fn without_sam_it_says_where_to_get_it() {
    let output = Checkout::new(OWN).run("scripts/deploy.sh", &[], &[("SAM", "/nowhere/sam")]);
    assert!(!output.status.success() && said(&output).contains("pipx install aws-sam-cli"), "{}", said(&output));
}

#[test]
fn destroying_needs_a_name_and_says_what_is_kept() {
    let checkout = Checkout::new(OWN);
    let outputs = r#"[ { "OutputKey": "StateBucket", "OutputValue": "shop-state", "Description": "The board." },
        { "OutputKey": "LandingBucket", "OutputValue": "acme-landing" }, { "OutputKey": "DocsBucket", "OutputValue": "shop-docs" } ]"#;
    let sam = checkout.program("sam", &format!("[ \"$1\" != list ] || cat <<'OUT'\n{outputs}\nOUT"));
    let sam = sam.to_str().unwrap();
    let output = checkout.run("scripts/destroy.sh", &[], &[("SAM", sam)]);
    assert!(!output.status.success() && checkout.noted().is_empty(), "{}", said(&output));

    let output = checkout.run("scripts/destroy.sh", &[], &[("SAM", sam), ("STACK", "shop")]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(checkout.noted().last().unwrap().starts_with("sam delete --stack-name shop"), "{:?}", checkout.noted());
    for part in ["s3://shop-state ", "s3://acme-landing ", "s3://shop-docs ", "shop-dbt", "deregister-task-definition"]
    {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
}

#[test]
fn a_function_for_another_processor_needs_its_standard_library_and_cargo_lambda() {
    let checkout = Checkout::new(OWN);
    let root = checkout.folder.path().to_str().unwrap().to_owned();
    let built = checkout.folder.path().join("built");
    fs::create_dir(&built).unwrap();
    let out = format!("{root}/bootstrap");
    let build = |cargo: &str, rustc: &str, target: Option<&str>| {
        let arguments = [root.as_str(), cargo, "landfall-on-load", "release", built.to_str().unwrap(), out.as_str()];
        let arguments: Vec<&str> = arguments.into_iter().chain(target).collect();
        checkout.run("scripts/build-function.sh", &arguments, &[("RUSTC", rustc), ("CARGO_TARGET_DIR", root.as_str())])
    };
    let rustc = |libraries: &str| {
        let does = format!("case \"$1\" in -vV) echo 'host: this-machine' ;; *) echo '{libraries}' ;; esac");
        checkout.program("rustc", &does).to_str().unwrap().to_owned()
    };
    let cargo = checkout.program("cargo", "").to_str().unwrap().to_owned();
    let output = build(&cargo, &rustc("/nowhere/lib"), Some("another"));
    assert!(said(&output).contains("rustup target add another") && !output.status.success(), "{}", said(&output));

    let poor = checkout.program("cargo", "exit 101").to_str().unwrap().to_owned();
    let output = build(&poor, &rustc(&root), Some("another"));
    assert!(said(&output).contains("pip install cargo-lambda") && !output.status.success(), "{}", said(&output));

    let made = format!(
        "mkdir -p '{root}/lambda/landfall-on-load' && echo GLIBC_2.34 > '{root}/lambda/landfall-on-load/bootstrap'"
    );
    let cargo = checkout.program("cargo", &made).to_str().unwrap().to_owned();
    let output = build(&cargo, &rustc(&root), Some("another"));
    assert!(output.status.success(), "{}", said(&output));
    assert!(checkout.noted().last().unwrap().contains("--target another.2.34"), "{:?}", checkout.noted());

    // Built here, on a machine that is newer than Lambda's.
    fs::write(built.join("landfall-on-load"), "x GLIBC_2.9 GLIBC_2.38 y").unwrap();
    let output = build(&cargo, &rustc(&root), None);
    assert!(said(&output).contains("needs glibc 2.38") && !output.status.success(), "{}", said(&output));
    fs::write(built.join("landfall-on-load"), "x GLIBC_2.9 GLIBC_2.34 y").unwrap();
    assert!(build(&cargo, &rustc(&root), None).status.success());
}
