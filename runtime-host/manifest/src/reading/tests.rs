//! Tests of reading a manifest: all that may stand in one, and what is said of what may not.

use proptest::prelude::*;

use super::*;
use crate::application::{Build, Content, Executor, FileMount, Source, Target, TriggerRoute};
use crate::dependency::{DependencySource, Inheritance};

const MINIMAL: &str = "spin_manifest_version = 2\n[application]\nname = \"a\"\n";

fn read_text(text: &str) -> Result<Application, ManifestError> {
    read(
        text,
        Path::new("spin.toml"),
        PathBuf::from("/app/spin.toml"),
    )
}

fn read_valid(text: &str) -> Application {
    read_text(text).unwrap()
}

/// The problem with a manifest of which the first three lines are [`MINIMAL`].
fn problem(rest: &str) -> String {
    match read_text(&format!("{MINIMAL}{rest}")) {
        Err(ManifestError::Invalid { problem, .. }) => problem.to_string(),
        Err(other) => panic!("{rest}\nshould be TOML, but {other}"),
        Ok(_) => panic!("{rest}\nshould be refused"),
    }
}

fn id(id: &str) -> ComponentId {
    id.parse().unwrap()
}

#[test]
fn everything_that_may_stand_in_a_manifest_is_read() {
    let application = read_valid(include_str!("maximal.toml"));
    assert_eq!(application.name, "maximal");
    assert_eq!(application.version, "1.2.3");
    assert_eq!(application.description, "All there is");
    assert_eq!(application.authors, ["a@example.com", "b@example.com"]);
    assert_eq!(
        application.targets,
        [
            TargetEnvironment::Catalogue("spin-up:3.3".to_owned()),
            TargetEnvironment::Url("https://example.com/target.toml".to_owned()),
            TargetEnvironment::File("/app/target.toml".into()),
        ]
    );
    assert_eq!(application.base_dir, Path::new("/app"));
    assert_eq!(application.other_triggers, ["redis"]);

    let variable = &application.variables["api_key"];
    assert_eq!((variable.default.as_deref(), variable.secret), (None, true));
    let variable = &application.variables["host"];
    assert_eq!(variable.default.as_deref(), Some("example.com"));
    assert_eq!(variable.description, "Where to go");

    let component = &application.components[&id("full")];
    assert_eq!(component.source, Source::File("/app/bin/full.wasm".into()));
    assert_eq!(component.description, "The full one");
    assert_eq!(
        component.variables["url"].to_string(),
        "https://{{ host }}/users"
    );
    assert_eq!(component.environment["LEVEL"], "debug");
    assert_eq!(
        component.files,
        [
            FileMount::Pattern("assets/**/*.jpg".to_owned()),
            FileMount::Placement {
                source: "/app/public".into(),
                destination: "/".to_owned()
            },
        ]
    );
    assert_eq!(component.exclude_files, ["assets/secret/*"]);
    let hosts: Vec<_> = component
        .allowed_outbound_hosts
        .iter()
        .map(Template::to_string)
        .collect();
    assert_eq!(hosts, ["https://{{ host }}", "redis://cache:6379"]);
    let stores: Vec<_> = component
        .key_value_stores
        .iter()
        .map(|label| label.as_str())
        .collect();
    assert_eq!(stores, ["default", "my_store"]);
    assert_eq!(component.sqlite_databases, ["default"]);
    assert_eq!(component.ai_models, ["llama2-chat"]);
    assert_eq!(
        component.targets.as_deref(),
        Some([TargetEnvironment::Catalogue("spinkube:0.4".to_owned())].as_slice())
    );
    assert_eq!(
        component.build,
        Some(Build {
            commands: vec!["npm install".to_owned(), "npm run build".to_owned()],
            workdir: "/app/full".into(),
            watch: vec!["src/**/*.ts".to_owned()],
        })
    );
    let debug = &component.profiles["debug"];
    assert_eq!(
        debug.source,
        Some(Source::File("/app/bin/debug.wasm".into()))
    );
    assert_eq!(debug.environment["LEVEL"], "trace");
    assert_eq!(
        debug.build_commands.as_deref(),
        Some(["npm run debug".to_owned()].as_slice())
    );
    assert_eq!(debug.dependencies.len(), 1);

    let url = &application.components[&id("download")].source;
    assert!(matches!(url, Source::Url { url, .. } if url == "https://example.com/d.wasm"));
    let package = &application.components[&id("package")].source;
    assert!(
        matches!(package, Source::Registry { registry: None, package, .. } if package == "a:b")
    );
}

#[test]
fn components_are_in_the_order_of_the_manifest_and_inline_ones_last() {
    let application = read_valid(include_str!("maximal.toml"));
    let ids: Vec<_> = application
        .components
        .keys()
        .map(ComponentId::as_str)
        .collect();
    assert_eq!(
        ids,
        ["full", "download", "package", "http-trigger1-component"]
    );
}

#[test]
fn every_kind_of_dependency_is_read() {
    let application = read_valid(include_str!("maximal.toml"));
    let read: Vec<_> = application.components[&id("full")]
        .dependencies
        .iter()
        .map(|dependency| {
            (
                dependency.name.as_str(),
                &dependency.source,
                &dependency.inherits,
            )
        })
        .collect();
    let package =
        |package: Option<&str>, registry: Option<&str>, version: &str| DependencySource::Registry {
            registry: registry.map(str::to_owned),
            package: package.map(str::to_owned),
            version: version.to_owned(),
        };
    let some = Inheritance::Only(vec!["ai_models".to_owned()]);
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    assert_eq!(
        read,
        [
            (
                "a:b/c@1.0.0",
                &DependencySource::Path("/app/c.wasm".into()),
                &Inheritance::Nothing
            ),
            (
                "a:b/d",
                &DependencySource::Component(id("package")),
                &Inheritance::Everything
            ),
            (
                "e:f@0.1.0",
                &package(None, None, ">=0.1.0"),
                &Inheritance::Nothing
            ),
            (
                "g:h",
                &package(Some("x:y"), Some("example.com"), "1.0.0"),
                &some
            ),
            (
                "i:j/k",
                &DependencySource::Url {
                    url: "https://example.com/k.wasm".to_owned(),
                    digest
                },
                &Inheritance::Nothing
            ),
        ]
    );
    let dependencies = &application.components[&id("full")].dependencies;
    assert_eq!(dependencies[0].export.as_deref(), Some("x:y/z"));
    let file = application.dependency_content(&dependencies[0]);
    assert_eq!(file, Some(Content::File(Path::new("/app/c.wasm"))));
    assert_eq!(application.dependency_content(&dependencies[1]), None);
}

#[test]
fn triggers_are_read_and_those_without_an_id_get_one() {
    let application = read_valid(include_str!("maximal.toml"));
    let triggers: Vec<_> = application
        .triggers
        .iter()
        .map(|t| (t.id.as_str(), t.shown_as()))
        .collect();
    assert_eq!(
        triggers,
        [
            ("mine", "full"),
            ("full-http-trigger", "full"),
            ("http-trigger1", "http-trigger1-component"),
            ("http-trigger2", "http-trigger2"),
        ]
    );
    let [mine, private, _, fixed] = application.triggers.as_slice() else {
        panic!("there should be four triggers");
    };
    assert_eq!(
        mine.route,
        TriggerRoute::Path("/users/:id/...".parse().unwrap())
    );
    assert_eq!(
        mine.extra_components,
        ["components.auth", "dependencies.middleware"]
    );
    assert_eq!(private.route, TriggerRoute::Private);
    assert_eq!(private.executor, Executor::Wagi);
    let Target::StaticResponse(response) = &fixed.target else {
        panic!("the last trigger should have a static response");
    };
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "/elsewhere");
    assert_eq!(response.body, "gone");
}

#[test]
fn all_dependencies_can_inherit_at_once() {
    let application = read_valid(&format!(
        "{MINIMAL}[component.a]\nsource = \"a.wasm\"\ndependencies_inherit_configuration = true\n\
         [component.a.dependencies]\n\"x:y/z\" = {{ path = \"z.wasm\" }}\n"
    ));
    let dependency = &application.components[&id("a")].dependencies[0];
    assert_eq!(dependency.inherits, Inheritance::Everything);
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    for (rest, told) in [
        (
            "[component.rates]\nsource = \"r.wasm\"\nallowed_outbound_host = []",
            "unknown key `allowed_outbound_host` in [component.rates] (line 6): did you mean \
             `allowed_outbound_hosts`?",
        ),
        (
            "authers = []",
            "unknown key `authers` in [application] (line 4): did you mean `authors`?",
        ),
        (
            "[variables]\nx = { defualt = \"\", default = \"\" }",
            "unknown key `defualt` in [variables.x] (line 5): did you mean `default`?",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = {}\npath = \"/\"",
            "unknown key `path` in [[trigger.http]] (line 7): there are `id`, `component`, \
             `static_response`, `route`, `executor`, `components`, `dependencies`",
        ),
        (
            "[components.a]\nsource = \"a.wasm\"",
            "unknown key `components` at the top (line 4): did you mean `component`?",
        ),
        (
            "[component.a]\nsource = { url = \"u\", digset = \"d\" }",
            "`digest` is missing in [component.a.source] (line 5): add the file's hash, as in \
             `digest = \"sha256:…\"`",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\
             \"x:y/z\" = { path = \"p\", expotr = \"e\" }",
            "unknown key `expotr` in [component.a.dependencies.\"x:y/z\"] (line 7): did you mean \
             `export`?",
        ),
        (
            "[component.a]\nsource = \"a\"\nbuild = { command = \"c\", work_dir = \".\" }",
            "unknown key `work_dir` in [component.a.build] (line 6): did you mean `workdir`?",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.profile.debug]\nsauce = \"b\"",
            "unknown key `sauce` in [component.a.profile.debug] (line 7): did you mean `source`?",
        ),
    ] {
        assert_eq!(problem(rest), told);
    }
}

#[test]
fn what_is_missing_or_of_another_type_is_told_with_an_example() {
    for (rest, told) in [
        (
            "[component.a]\ndescription = \"\"",
            "`source` is missing in [component.a] (line 4): add the Wasm file, as in \
             `source = \"app.wasm\"`",
        ),
        (
            "[[trigger.http]]\nstatic_response = {}",
            "`route` is missing in [[trigger.http]] (line 4): add where requests come in, as in \
             `route = \"/...\"`",
        ),
        (
            "version = 1",
            "`version` in [application] (line 4) is a number: write text in quotes",
        ),
        (
            "[component.a]\nsource = [\"a.wasm\"]",
            "`source` in [component.a] (line 5) is a list: write the path of a Wasm file, \
             `{ url = …, digest = … }`, or `{ package = …, version = … }`",
        ),
        (
            "[component.a]\nsource = \"a\"\nkey_value_stores = \"default\"",
            "`key_value_stores` in [component.a] (line 6) is text: write a list, as in \
             `[\"…\", \"…\"]`",
        ),
        (
            "[component.a]\nsource = \"a\"\nai_models = [\n  \"m\",\n  7,\n]",
            "`ai_models` in [component.a] (line 8) is a number: write text in quotes",
        ),
        (
            "[trigger.http]\nroute = \"/\"",
            "`http` in [trigger] (line 4) is a table: write tables, each under `[[…]]`",
        ),
        (
            "[variables]\nx = \"y\"",
            "`x` in [variables] (line 5) is text: write a table, as in `{ default = \"…\" }` or \
             `{ required = true }`",
        ),
        (
            "[variables]\nx = { default = 5 }",
            "`default` in [variables.x] (line 5) is a number: write text in quotes",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = { status_code = \"200\" }",
            "`status_code` in [trigger.http.static_response] (line 6) is text: write a number such \
             as 404",
        ),
    ] {
        assert_eq!(problem(rest), told);
    }
}

#[test]
fn what_does_not_fit_together_is_told_with_the_fix() {
    for (rest, told) in [
        (
            "[component.rates]\nsource = \"r\"\n[[trigger.http]]\nroute = \"/\"\n\
             component = \"rate\"",
            "`component` in [[trigger.http]] (line 8) names the component `rate`, which doesn't \
             exist: did you mean `rates`?",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\
             \"x:y/z\" = { component = \"b\" }",
            "`component` in [component.a.dependencies.\"x:y/z\"] (line 7) names the component `b`, \
             which doesn't exist: there is only `a`",
        ),
        (
            "[variables]\nx = { description = \"?\" }",
            "the variable `x` has no value in [variables.x] (line 5): give it a `default`, or \
             `required = true`",
        ),
        (
            "[variables]\nhost = { default = \"\" }\n[component.a]\nsource = \"a\"\n\
             variables = { url = \"{{ hots }}\" }",
            "`url` in [component.a.variables] (line 8) uses the variable `hots`, which [variables] \
             doesn't have: did you mean `host`?",
        ),
        (
            "[component.a]\nsource = \"a\"\nallowed_outbound_hosts = [\"{{ host }}\"]",
            "`allowed_outbound_hosts` in [component.a] (line 6) uses the variable `host`, which \
             [variables] doesn't have: there are none",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"",
            "a trigger has neither a `component` nor a `static_response` in [[trigger.http]] (line \
             4): give it exactly one of the two",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = {}\ncomponent = \"a\"",
            "a trigger has both a `component` and a `static_response` in [[trigger.http]] (line \
             4): give it exactly one of the two",
        ),
        (
            "[[trigger.http]]\nid = \"x\"\nroute = \"/\"\nstatic_response = {}\n\
             [[trigger.http]]\nid = \"x\"\nroute = \"/b\"\nstatic_response = {}",
            "`id` in [[trigger.http]] (line 9): another trigger has the same id: change one of them",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\
             \"x:y\" = { path = \"p\" }\n\"x:y/z\" = { path = \"p\" }",
            "`x:y` and `x:y/z` fill the same import in [component.a.dependencies] (line 8): remove \
             one of them, or name the interface and version that each is for",
        ),
        (
            "[component.a]\nsource = \"a\"\ndependencies_inherit_configuration = true\n\
             [component.a.dependencies]\n\
             \"x:y\" = { path = \"p\", inherit_configuration = true }",
            "what dependencies inherit is said twice in [component.a] (line 4): keep either \
             `dependencies_inherit_configuration` of the component or `inherit_configuration` of \
             each dependency",
        ),
    ] {
        assert_eq!(problem(rest), told);
    }
}

#[test]
fn values_that_mean_nothing_are_told_with_what_to_write() {
    for (rest, told) in [
        (
            "[component.my_rates]\nsource = \"r\"",
            "in [component] (line 4): `my_rates` is not a component id: use words of letters and \
             digits joined by `-`, such as `shopping-cart`",
        ),
        (
            "[variables]\nApiKey = { default = \"\" }",
            "in [variables] (line 5): `ApiKey` is not a variable name: use lower-case letters, \
             digits and single underscores, such as `api_key`",
        ),
        (
            "[component.a]\nsource = \"a\"\nkey_value_stores = [\"my store\"]",
            "`key_value_stores` in [component.a] (line 6): `my store` is not a store label: use \
             words of letters and digits joined by `-` or by `_`, such as `default`",
        ),
        (
            "[component.a]\nsource = \"a\"\nvariables = { x = \"{{ y\" }",
            "`x` in [component.a.variables] (line 6): `{{` is not closed: write `{{ name }}`",
        ),
        (
            "[component.a]\nsource = \"a\"\nallowed_outbound_hosts = [\"example.com\"]",
            "in [component.a] (line 6): `example.com` in allowed_outbound_hosts has no scheme: \
             write `https://example.com`",
        ),
        (
            "[[trigger.http]]\nroute = \"/a/*/b\"\nstatic_response = {}",
            "`route` in [[trigger.http]] (line 5): `...` and `*` may only be the last segment, as \
             in `/files/...`",
        ),
        (
            "[[trigger.http]]\nroute = { private = false }\nstatic_response = {}",
            "`route` in [[trigger.http]] (line 5): write a path such as \"/api/...\", or \
             `{ private = true }`",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = { status_code = 42 }",
            "`status_code` in [trigger.http.static_response] (line 6): write a status code such as \
             404",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = {}\nexecutor = { type = \"cgi\" }",
            "`type` in [trigger.http.executor] (line 7): write \"http\" or \"wagi\"",
        ),
        (
            "[component.a]\nsource = { url = \"u\", digest = \"sha256:12\" }",
            "`digest` in [component.a.source] (line 5): write `sha256:` and the 64 hex digits of \
             the file's hash",
        ),
        (
            "[component.a]\nsource = \"a\"\nfiles = [{ source = \"x\", destination = \"y\" }]",
            "`destination` in [component.a.files] (line 6): write an absolute path, which starts \
             with `/`",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\"x\" = \"1.0.0\"",
            "in [component.a.dependencies] (line 7): `x` names no package: give it a table with \
             `package = \"…\"`",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\
             \"x:y\" = { path = \"p\", export = \"e\" }",
            "`export` in [component.a.dependencies.\"x:y\"] (line 7): one export cannot fill all \
             of `x:y`: name the interface, as in `x:y/interface`",
        ),
        (
            "[component.a]\nsource = \"a\"\n[component.a.dependencies]\n\"x:\" = \"1.0.0\"",
            "in [component.a.dependencies] (line 7): `x:` does not name an import: write \
             `namespace:package/interface@version`, of which `/interface` and `@version` may be \
             left out",
        ),
    ] {
        assert_eq!(problem(rest), told);
    }
}

#[test]
fn manifests_for_another_spin_are_refused() {
    for (text, told) in [
        (
            "spin_manifest_version = \"1\"\nname = \"old\"",
            "spin.toml: `spin_manifest_version` is 1, but only version 2 can be read: convert the \
             manifest with Spin's `spin doctor`",
        ),
        (
            "spin_version = \"1\"\nname = \"old\"",
            "spin.toml: `spin_manifest_version` is 1, but only version 2 can be read: convert the \
             manifest with Spin's `spin doctor`",
        ),
        (
            "spin_manifest_version = 3",
            "spin.toml: `spin_manifest_version` is 3, but only version 2 can be read: write \
             `spin_manifest_version = 2`",
        ),
        (
            "",
            "spin.toml: `spin_manifest_version` is missing at the top (line 1): add \
             `spin_manifest_version = 2`",
        ),
        (
            "spin_manifest_version = 2",
            "spin.toml: `application` is missing at the top (line 1): add an [application] table \
             with a `name`",
        ),
    ] {
        assert_eq!(read_text(text).unwrap_err().to_string(), told);
    }
}

#[test]
fn text_that_is_not_toml_is_told_with_its_line() {
    let told = read_text("spin_manifest_version = 2\nname = ")
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("the manifest spin.toml is not valid TOML:"),
        "{told}"
    );
    assert!(told.contains("line 2, column"), "{told}");
}

#[test]
fn a_manifest_is_found_by_its_file_or_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spin.toml");
    let told = load(folder.path()).unwrap_err().to_string();
    assert_eq!(
        told,
        format!(
            "there is no manifest {}: name a spin.toml, or a folder with one, with `--from`",
            file.display()
        )
    );
    fs::write(&file, MINIMAL).unwrap();
    for path in [folder.path(), &file] {
        let application = load(path).unwrap();
        assert_eq!(application.manifest, file);
        assert_eq!(application.base_dir, folder.path());
    }
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(matches!(load(&file), Err(ManifestError::NotText(_))));
}

/// Lines from which manifests can be made, most of them valid on their own.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("spin_manifest_version = 2".to_owned()),
        "\\[(application|variables|component\\.[a-c]|component\\.a\\.(build|dependencies))\\]",
        "\\[\\[trigger\\.(http|redis)\\]\\]",
        "(name|source|route|component|version|command|id) = \"[a-c/:.{} ]{0,6}\"",
        "[a-c] = (\"[a-c]\"|1|true|\\[\\]|\\{ default = \"\" \\}|\\{ path = \"p\" \\})",
        "(files|allowed_outbound_hosts|key_value_stores|targets) = \\[(\"[a-z:/*.]{0,9}\")?\\]",
        "(static_response|executor|route|source|build) = \\{ [a-z]{0,3} = [0-9] \\}",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_text_is_a_manifest_or_an_error(text in any::<String>()) {
        let _ = read_text(&text);
        let _ = read_text(&format!("{MINIMAL}{text}"));
    }

    #[test]
    fn any_lines_are_a_manifest_or_an_error(lines in prop::collection::vec(line(), 0..12)) {
        let _ = read_text(&lines.join("\n"));
        let _ = read_text(&format!("{MINIMAL}{}", lines.join("\n")));
    }

    #[test]
    fn a_manifest_cut_short_or_damaged_is_an_error_or_still_one(
        position in any::<prop::sample::Index>(),
        stranger in any::<char>(),
    ) {
        let text = include_str!("maximal.toml");
        let at = position.index(text.len());
        let _ = read_text(&text[..text.floor_char_boundary(at)]);
        let mut damaged: Vec<char> = text.chars().collect();
        let at = position.index(damaged.len());
        damaged[at] = stranger;
        let _ = read_text(&damaged.into_iter().collect::<String>());
    }
}
