//! The example hosts, from a fresh folder against the installed package.

use super::site::{CXX_FLAGS, Folder, contents, package, pkg_config, root, run};
use crate::gate_handles::in_force;
use brink_license::token::{DeviceGrant, LicenceClaims, Mode, Over, Period};
use brink_license::{Feature, IdList, Slug};
use brink_tests::Ran;
use brink_tests::metered::{Metered, quota};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const EXAMPLES: [&str; 3] =
    ["core/capi/examples/CMakeLists.txt", "core/capi/examples/tapi_host.cpp", "core/capi/examples/plain.c"];
const CMAKE_LINES_MAX: usize = 6;

/// What a trial camera does not get.
const BEYOND_TRIAL: [&str; 3] = ["analytics/line_zone", "analytics/polygon_zone", "outputs/database_sink"];

/// A licence with these features of base beside those that the forge gives it.
fn with_base(more: &[&str]) -> LicenceClaims {
    let mut claims = in_force(2, 1);
    let base = claims.packs.get_mut(&Slug::parse("base").unwrap()).unwrap();
    let all = base.iter().chain(more.iter().copied()).map(|name| Feature::parse(name).unwrap());
    *base = all.collect();
    claims
}

/// A paid licence: its base pack has zones and the database sink.
fn paid() -> LicenceClaims {
    with_base(&[&["analytics/detection"][..], &BEYOND_TRIAL].concat())
}

/// A trial: its cameras have the pack `trial`, never `base`.
fn trial() -> LicenceClaims {
    let mut claims = LicenceClaims {
        mode: Mode::Trial,
        device: DeviceGrant::default(),
        ..with_base(&["analytics/detection"])
    };
    let pack = Slug::parse("trial").unwrap();
    let features: IdList<Feature> = claims.packs[&Slug::parse("base").unwrap()].clone();
    claims.packs = [(pack.clone(), features)].into();
    claims.grants.iter_mut().for_each(|grant| grant.packs = vec![pack.clone()]);
    claims
}

/// The bundle of a device that was activated with this licence.
fn activated(folder: &Folder, name: &str, licence: LicenceClaims) -> PathBuf {
    let mut device = Metered::activate(&folder.path(name), Vec::new(), licence.enforce);
    let LicenceClaims { quotas, packs, grants, device: of_device, mode, .. } = licence;
    device.renew(|claims| {
        (claims.quotas, claims.packs, claims.grants) = (quotas, packs, grants);
        (claims.device, claims.mode) = (of_device, mode);
    });
    device.bundle()
}

/// Configures and builds the examples in a fresh folder, against a package that was moved after it was installed.
fn built(target: &str) -> (Folder, PathBuf) {
    let folder = Folder::new();
    for example in EXAMPLES {
        folder.copy(example);
    }
    let project = fs::read_to_string(folder.path("CMakeLists.txt")).unwrap();
    assert!(project.lines().count() <= CMAKE_LINES_MAX && project.contains("(Brink::brink)"), "{project}");
    fs::write(folder.path("CMakeLists.txt"), project.replace("(Brink::brink)", &format!("({target})")))
        .unwrap();
    let moved = folder.path("moved elsewhere");
    for (name, bytes) in contents(package()) {
        let path = moved.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let build = folder.path("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(folder.path("")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", moved.display()));
    configure.arg("-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror -pedantic -fno-exceptions -fno-rtti");
    run(configure.arg("-DCMAKE_C_FLAGS=-Wall -Wextra -Werror -pedantic"));
    run(Command::new("cmake").arg("--build").arg(&build));
    (folder, build)
}

#[test]
#[ignore = "needs cmake, g++ and a release build of libbrink: scripts/test runs this"]
fn a_fresh_folder_builds_the_hosts_with_six_lines_of_cmake_and_they_enforce_the_licence() {
    let (folder, build) = built("Brink::brink");
    let paid = activated(&folder, "paid", paid());
    let trial = activated(&folder, "trial", trial());
    let host = |bundle: &PathBuf, camera: &str| {
        let arguments = [bundle.as_os_str(), camera.as_ref()];
        Ran::run(&build.join("tapi_host"), &arguments).ok().stdout
    };

    let said = host(&paid, "cam-000");
    for component in
        ["rtsp", "object_detection", "near_miss", "line_zone_manager", "polygon_zone_manager", "database"]
    {
        assert!(said.contains(&format!("made {component} for cam-000: active")), "{said}");
    }
    assert!(said.contains("7 components, 25 frames, 312 tokens; metered"), "{said}");
    let said = host(&paid, "cam-001");
    assert!(said.contains("refused near_miss for cam-001: feature_not_granted"), "{said}");
    assert!(said.contains("mend: ask the issuer's admin to assign the camera a pack"), "{said}");
    assert!(said.contains("missing: analytics/near_miss"), "{said}");
    assert!(said.contains("made counting for cam-001"), "{said}");
    let said = host(&trial, "cam-000");
    for component in ["near_miss", "line_zone_manager", "polygon_zone_manager", "database"] {
        assert!(said.contains(&format!("refused {component} for cam-000: feature_not_licensed")), "{said}");
    }
    for feature in BEYOND_TRIAL {
        assert!(said.contains(&format!("missing: {feature}")), "{said}");
    }
    for component in ["rtsp", "object_detection", "counting"] {
        assert!(said.contains(&format!("made {component} for cam-000: active")), "{said}");
    }
    let said = host(&paid, "cam-777");
    assert!(!said.contains("made") && said.contains("0 components, 0 frames, 0 tokens"), "{said}");
    assert_eq!(said.matches("camera_not_licensed").count(), 7, "{said}");

    // What a quota does not allow is not done, and the host says what is left and when it begins again.
    let short = LicenceClaims {
        quotas: vec![
            quota("component", 9, Period::Lease, Over::Deny),
            quota("frame", 30, Period::Month, Over::Deny),
            quota("llm_token", 1000, Period::Month, Over::Deny),
        ],
        ..self::paid()
    };
    let short = activated(&folder, "short", short);
    let said = host(&short, "cam-000");
    assert!(said.contains("7 components, 25 frames, 312 tokens; metered"), "{said}");
    let said = host(&short, "cam-000");
    assert!(said.contains("2 components, 5 frames, 0 tokens; metered"), "{said}");
    for words in [
        "not metered, not done: component: QUOTA_EXCEEDED\n  0 of 9 left\n",
        "not metered, not done: frame: QUOTA_EXCEEDED\n  0 of 30 left, the count begins again at ",
        "not metered, not done: llm_token: QUOTA_EXCEEDED\n  688 of 1000 left, the count begins again at ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    let plain = |bundle: &PathBuf, camera: &str, code: i32| {
        let arguments = [bundle.as_os_str(), camera.as_ref(), "analytics/near_miss".as_ref()];
        Ran::run(&build.join("plain"), &arguments).coded(code).stdout
    };
    let said = plain(&paid, "cam-000", 0);
    assert!(
        said.contains("cam-000: base advanced_analytics integration\ncam-001: base integration\n"),
        "{said}"
    );
    assert!(said.contains("cam-000 analytics/near_miss: allowed, granted, until "), "{said}");
    assert!(plain(&paid, "cam-001", 3).contains("not allowed, feature_not_granted\nmend: "));
    assert!(plain(&folder.path("absent"), "cam-000", 3).contains("not allowed, unlicensed"));
}

#[test]
#[ignore = "needs cmake, g++ and a release build of libbrink: scripts/test runs this"]
fn the_static_target_makes_hosts_that_need_no_library_beside_them() {
    let (folder, build) = built("Brink::brink_static");
    let paid = activated(&folder, "paid", in_force(2, 1));
    let needed = run(Command::new("readelf").arg("-d").arg(build.join("tapi_host"))).stdout;
    assert!(!String::from_utf8(needed).unwrap().contains("libbrink"));
    let said = Ran::run(&build.join("tapi_host"), &[paid.as_os_str(), "cam-000".as_ref()]).ok().stdout;
    assert!(said.contains("made near_miss for cam-000: active"), "{said}");
    let arguments = [paid.as_os_str(), "cam-001".as_ref(), "analytics/near_miss".as_ref()];
    Ran::run(&build.join("plain"), &arguments).coded(3);
}

#[test]
#[ignore = "needs g++ and a release build of libbrink: scripts/test runs this"]
fn the_headers_compile_without_a_warning_in_every_language_that_they_serve() {
    let folder = Folder::new();
    let include = pkg_config(package(), &["--cflags"]);
    let mut compilers = vec!["gcc", "g++"];
    // A second opinion where there is one; scripts/test says when there is not.
    compilers.extend(
        ["clang", "clang++"].into_iter().filter(|name| Command::new(name).arg("-v").output().is_ok()),
    );
    for compiler in compilers {
        let is_cxx = compiler.ends_with("++");
        let standards: &[&str] =
            if is_cxx { &["-std=c++17", "-std=c++20"] } else { &["-std=c99", "-std=c11", "-std=c17"] };
        for standard in standards {
            let mut command = Command::new(compiler);
            command
                .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
                .arg(folder.path(""));
            if is_cxx {
                command.args(CXX_FLAGS).args(["-Wconversion", "-Wshadow"]);
                command.arg(root().join("core/capi/examples/tapi_host.cpp"));
            } else {
                command.args(["-Wconversion", "-Wshadow"]).arg(root().join("core/capi/examples/plain.c"));
            }
            run(command.arg(standard).args(&include));
        }
    }
}
