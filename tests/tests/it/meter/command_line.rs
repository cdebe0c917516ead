//! Quotas at the command line, which meters as any host does.

use super::firm;
use brink_tests::metered::Metered;
use brink_tests::{Program, Ran};

fn usage(device: &Metered, arguments: &[&str]) -> Ran {
    let data = device.bundle().with_file_name("");
    let words = ["usage"].into_iter().chain(arguments.iter().copied()).map(std::ffi::OsStr::new);
    let words: Vec<_> = words.chain(["--data".as_ref(), data.as_os_str()]).collect();
    Ran::run(Program::Edge.path(), &words)
}

#[test]
fn the_command_line_keeps_quotas_and_says_how_they_stand() {
    let (_dir, device) = firm(3);
    let record =
        |meter, quantity| usage(&device, &["record", "--meter", meter, "--quantity", quantity, "--json"]);
    assert_eq!(record("sms", "2.5").ok().json()["quota"], "within");
    record("sms", "1").coded(3).says("QUOTA_EXCEEDED").says("sms").says("0.5 left").says("larger quota");
    record("frames", "4").coded(3).says("QUOTA_EXCEEDED").says("3 left").says("begins again at ");
    record("other", "4").ok();
    let said = usage(&device, &["summary", "--json"]).ok().json();
    let found = said["quotas"].as_array().unwrap();
    let sms = found.iter().find(|quota| quota["meter"] == "sms").unwrap();
    for (field, value) in [("limit", "3"), ("used", "2.5"), ("remaining", "0.5"), ("over", "deny")] {
        assert_eq!(sms[field], value, "{said}");
    }
    assert_eq!((&sms["span"], sms["resets_at"].is_null()), (&"lease lic-1".into(), true), "{said}");
    let frames = found.iter().find(|quota| quota["meter"] == "frames").unwrap();
    assert!(frames["resets_at"].as_str().unwrap().ends_with('Z'), "{said}");
    let said = usage(&device, &["summary"]).ok().stdout;
    assert!(said.contains("quota of sms, lease lic-1: 2.5 of 3 used, 0.5 left; more is refused\n"), "{said}");
}
