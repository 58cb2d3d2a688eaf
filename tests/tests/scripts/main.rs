//! `make deploy`, `make destroy` and the build of a function, with stand-ins for the SAM CLI and cargo that record
//! their arguments.

// Tells clippy that helpers are tests too.
#![cfg(test)]

mod one_build;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The folder of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A copy of the files that the scripts read, and stand-ins for programs.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new(samconfig: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("scripts")).unwrap();
        for name in ["scripts/deploy.sh", "scripts/destroy.sh", "scripts/build-function.sh", "template.yaml"] {
            fs::copy(root().join(name), folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("samconfig.toml"), samconfig).unwrap();
        Self { folder }
    }

    /// Makes a program that records its arguments and then runs these shell commands.
    fn program(&self, name: &str, commands: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        let record = self.record();
        let script =
            format!("#!/bin/sh\necho \"{name} $* [${{LANDFALL_TARGET:-}}]\" >> '{}'\n{commands}\n", record.display());
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("calls")
    }

    /// The recorded calls, without questions for a version.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.record()).unwrap_or_default();
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
        (output, self.calls())
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The template's name of this machine's processor, its name of the other one, and the other one's Rust target.
fn processors() -> (&'static str, &'static str, &'static str) {
    if cfg!(target_arch = "aarch64") {
        ("arm64", "x86_64", "x86_64-unknown-linux-gnu")
    } else {
        ("x86_64", "arm64", "aarch64-unknown-linux-gnu")
    }
}

const OWN: &str = "version = 0.1\n[default.global.parameters]\nstack_name = \"landfall\"\n[default.deploy.parameters]\nresolve_s3 = true\n";

#[test]
fn the_first_deploy_is_guided_and_the_next_uses_its_answers() {
    let (output, calls) = Checkout::new(OWN).deploy(&[]);
    assert!(output.status.success(), "{}", text(&output));
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
    assert!(!output.status.success() && calls.is_empty(), "{}", text(&output));
}

#[test]
fn a_deploy_without_the_sam_cli_says_how_to_install_it() {
    let output = Checkout::new(OWN).run("scripts/deploy.sh", &[], &[("SAM", "/missing/sam")]);
    assert!(!output.status.success() && text(&output).contains("pipx install aws-sam-cli"), "{}", text(&output));
}

#[test]
fn destroy_needs_a_stack_name_and_lists_what_is_kept() {
    let checkout = Checkout::new(OWN);
    let outputs = r#"[ { "OutputKey": "StateBucket", "OutputValue": "shop-state", "Description": "The board." },
        { "OutputKey": "LandingBucket", "OutputValue": "acme-landing" }, { "OutputKey": "DocsBucket", "OutputValue": "shop-docs" } ]"#;
    let sam = checkout.program("sam", &format!("[ \"$1\" != list ] || cat <<'OUT'\n{outputs}\nOUT"));
    let sam = sam.to_str().unwrap();
    let output = checkout.run("scripts/destroy.sh", &[], &[("SAM", sam)]);
    assert!(!output.status.success() && checkout.calls().is_empty(), "{}", text(&output));

    let output = checkout.run("scripts/destroy.sh", &[], &[("SAM", sam), ("STACK", "shop")]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(checkout.calls().last().unwrap().starts_with("sam delete --stack-name shop"), "{:?}", checkout.calls());
    for part in ["s3://shop-state ", "s3://acme-landing ", "s3://shop-docs ", "shop-dbt", "deregister-task-definition"]
    {
        assert!(text(&output).contains(part), "{part}: {}", text(&output));
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
        let commands = format!("case \"$1\" in -vV) echo 'host: this-machine' ;; *) echo '{libraries}' ;; esac");
        checkout.program("rustc", &commands).to_str().unwrap().to_owned()
    };
    let cargo = checkout.program("cargo", "").to_str().unwrap().to_owned();
    let output = build(&cargo, &rustc("/missing/lib"), Some("another"));
    assert!(text(&output).contains("rustup target add another") && !output.status.success(), "{}", text(&output));

    let old = checkout.program("cargo", "exit 101").to_str().unwrap().to_owned();
    let output = build(&old, &rustc(&root), Some("another"));
    assert!(text(&output).contains("pip install cargo-lambda") && !output.status.success(), "{}", text(&output));

    let build_output = format!(
        "mkdir -p '{root}/lambda/landfall-on-load' && echo GLIBC_2.34 > '{root}/lambda/landfall-on-load/bootstrap'"
    );
    let cargo = checkout.program("cargo", &build_output).to_str().unwrap().to_owned();
    let output = build(&cargo, &rustc(&root), Some("another"));
    assert!(output.status.success(), "{}", text(&output));
    assert!(checkout.calls().last().unwrap().contains("--target another.2.34"), "{:?}", checkout.calls());

    // A build on a machine whose glibc is newer than Lambda's.
    fs::write(built.join("landfall-on-load"), "x GLIBC_2.9 GLIBC_2.38 y").unwrap();
    let output = build(&cargo, &rustc(&root), None);
    assert!(text(&output).contains("needs glibc 2.38") && !output.status.success(), "{}", text(&output));
    fs::write(built.join("landfall-on-load"), "x GLIBC_2.9 GLIBC_2.34 y").unwrap();
    assert!(build(&cargo, &rustc(&root), None).status.success());
}
