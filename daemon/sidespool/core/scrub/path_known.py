"""What is publicly known of paths: system roots, package anchors, homes, extensions.

Everything here is compared case-folded. Public names carry triage and nobody's privacy; all the
rest of an absolute path is somebody's folder.
"""

from sidespool.core.scrub.lexicon import words

# First segments of paths that belong to the operating system or to an installation.
SYSTEM_ROOTS = words("""
    usr lib lib32 lib64 bin sbin etc dev proc sys opt boot run snap nix rustc app applications
    library system _ cores gnu flatpak
    """)
# Two-segment prefixes that count as system although the first segment alone does not.
SYSTEM_PAIRS = frozenset(
    [
        ("var", "lib"),
        ("var", "log"),
        ("var", "run"),
        ("var", "cache"),
        ("var", "task"),
        ("var", "runtime"),
        ("var", "spool"),
        ("private", "etc"),
        ("home", "linuxbrew"),
    ]
)
# After a drive letter.
WINDOWS_ROOTS = words("""
    windows winnt programdata perflogs msys64 msys32 mingw64 cygwin64 cygwin hostedtoolcache
    python27 python36 python37 python38 python39 python310 python311 python312 python313 python314
    strawberry chocolatey tools progra~1 progra~2 progra~3 $recycle.bin
    """)
# First segments that are roots of user data: a path under them is a path even without extension.
DATA_ROOTS = words("""
    home users root mnt media volumes tmp var private srv data work works workspace workspaces
    projects project repos repo builds build code export network net vol volume vol1 volume1 nfs
    share shares shared storage backup backups scratch cygdrive mount mounts host_mnt disk disks
    drive afs gpfs lustre kunden clients archive archives documents desktop downloads github git
    user homes usershare userdata sdcard
    """)
# First segments of web routes; "/api/users" in a message is no file.
ROUTE_ROOTS = words("""
    api static assets public js css img images fonts src dist node_modules _next graphql auth
    oauth login logout health healthz metrics rest rpc v1 v2 v3 v4 socket.io ws wp-admin
    wp-content wp-json admin favicon.ico robots.txt index.html @vite @fs @id @react-refresh
    docs packages out internal lib .well-known chunk-vendors pages components
    """)
HOME_PARENTS = frozenset(["home", "users", "homes", "documents and settings", "docume~1"])
NO_HOME = frozenset(["shared", "linuxbrew"])
# A directory that holds homes in other languages of old Windows or of localised NAS boxes.
HOME_PARENTS_LOCAL = frozenset(["benutzer", "utilisateurs", "usuarios", "utenti", "usuários"])

# A segment with which a public tail begins.
ANCHORS = words("""
    node_modules bower_components site-packages dist-packages app.asar app.asar.unpacked
    electron.asar default_app.asar node_modules.asar node_modules.asar.unpacked .pub-cache
    ms-playwright
    """)
# Two segments with which a public tail begins.
ANCHOR_PAIRS = frozenset(
    [
        ("resources", "app"),
        ("pkg", "mod"),
        (".cargo", "registry"),
        (".cargo", "git"),
        (".cargo", "bin"),
        ("rustlib", "src"),
        (".rustup", "toolchains"),
        (".m2", "repository"),
        (".gradle", "caches"),
        (".nuget", "packages"),
        (".pyenv", "versions"),
        (".rbenv", "versions"),
        (".asdf", "installs"),
        (".nvm", "versions"),
        (".volta", "tools"),
        (".fnm", "node-versions"),
        ("lib", "ruby"),
        ("vendor", "bundle"),
        ("vendor", "composer"),
        (".yarn", "cache"),
        (".yarn", "releases"),
        (".yarn", "berry"),
        (".npm", "_logs"),
        ("npm-cache", "_logs"),
        (".npm", "_cacache"),
        (".npm", "_npx"),
        ("android", "sdk"),
        (".local", "bin"),
        (".dotnet", "shared"),
        (".dotnet", "sdk"),
    ]
)
# Below "go/src": the standard library; anything else there is somebody's own package.
GO_STANDARD = words("""
    archive bufio builtin bytes cmp compress container context crypto database debug embed encoding
    errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path
    plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text
    time unicode unique unsafe vendor cmd
    """)
# Folders of build machines inside system or data roots: below them lie somebody's projects.
BUILD_FOLDERS = frozenset(["workspace", "workspaces", "_work", "builds"])
# A project's tail may begin with one of these, and holds only folders every project may have.
TAIL_STARTS = words("src lib libs app apps test tests spec __tests__ e2e packages crates cmd")
TAIL_FOLDERS = TAIL_STARTS | words("""
    main java kotlin scala groovy python go rust cpp swift resources assets core shared common
    util utils helper helpers component components service services page pages view views model
    models controller controllers route routes router routing store stores state hook hooks module
    modules feature features layout layouts style styles scss css i18n locale locales api client
    server backend frontend web electron renderer preload browser node platform plugin plugins
    extension extensions command commands handler handlers middleware types interfaces dto entity
    entities repository repositories migration migrations config configs environments environment
    guards pipes directives interceptors providers contexts reducers actions selectors effects
    templates public static internal pkg bin include build dist out scripts tools unit integration
    fixtures mocks __mocks__ widgets screens navigation db database auth http net io error errors
    logging logger events event domain infrastructure application data ui
    """)
# Second halves of editor pairs: ".vscode/extensions", ".cursor-server/bin" and their kin.
EDITOR_TAILS = frozenset(["extensions", "bin", "cli", "data"])
EDITORS = (
    ".vscode",
    ".cursor",
    ".windsurf",
    ".vscodium",
    ".trae",
    ".positron",
    ".void",
    ".antigravity",
)

CODE_EXTENSIONS = words("""
    js jsx mjs cjs ts tsx mts cts map vue svelte astro py pyw pyi pyx pyc pyd ipy rb erb rake php
    phtml go rs c cc cpp cxx c++ h hh hpp hxx m mm swift kt kts java scala groovy gradle clj cljs
    cs fs vb xaml cshtml razor csproj fsproj vbproj sln lua pl pm t r jl ex exs erl hrl hs elm dart
    zig nim d pas asm s sh bash zsh fish bat cmd ps1 psm1 psd1 awk sql css scss sass less styl wasm
    wat proto cmake mk make in am ac bzl bazel node so dll dylib exe com sys lib a o obj jar war
    class pdb asar nib scpt tcl vim el lisp scm ml mli f f90 f95 cu cuh glsl vert frag hlsl metal
    sol move cairo tf hcl nix elf ko service socket msi appimage plugin bundle framework app
    xcodeproj gyp gypi podspec gemspec lock
    """)
DOCUMENT_EXTENSIONS = words("""
    txt md markdown rst rtf doc docx docm dot dotx odt pages pdf xls xlsx xlsm xlsb ods numbers csv
    tsv ppt pptx pptm odp key epub mobi tex bib html htm xhtml xml json json5 jsonc jsonl ndjson
    yaml yml toml ini cfg conf config properties env plist log out err dump dmp trace har png jpg
    jpeg gif bmp webp svg ico icns tif tiff heic heif raw psd ai eps indd sketch fig xd mp3 mp4 m4a
    m4v mov avi mkv webm wav flac ogg zip tar gz tgz bz2 xz 7z rar zst iso dmg pkg deb rpm apk ipa
    bin dat data backup sparsebundle sparseimage vhd vhdx vmdk accdr wps wpd msp mpp vsd vsdx pub
    db sqlite sqlite3 mdb accdb bak old orig tmp temp swp lnk url eml msg ics vcf pst ost kdbx pem
    crt cer key p12 pfx jks keystore asc gpg sig pub ovpn rdp parquet feather arrow pkl pickle npy
    npz h5 hdf5 onnx pt pth ckpt safetensors gguf ipynb dwg dxf step stl obj blend fbx gltf glb ttf
    otf woff woff2 torrent part crdownload patch diff code-workspace snap test
    """)
EXTENSIONS = CODE_EXTENSIONS | DOCUMENT_EXTENSIONS

# Files every project has under the same name.
PUBLIC_FILES = words("""
    package.json package-lock.json npm-shrinkwrap.json tsconfig.json jsconfig.json angular.json
    project.json workspace.json nx.json lerna.json turbo.json composer.json composer.lock bower.json
    manifest.json settings.json launch.json tasks.json extensions.json keybindings.json
    appsettings.json global.json firebase.json vercel.json netlify.toml deno.json deno.jsonc
    babel.config.json .babelrc .eslintrc .eslintrc.json .prettierrc .npmrc .yarnrc .yarnrc.yml
    .nvmrc .gitignore .gitconfig .gitattributes .gitmodules .dockerignore .editorconfig .env
    .env.local .env.production .env.development .bashrc .zshrc .profile .bash_profile .condarc
    .pypirc .netrc .vimrc index.html index.htm main.html renderer.html preload.html app.html
    background.html popup.html web.config app.config config.json config.toml config.yaml config.yml
    config.ini config.xml pom.xml build.xml androidmanifest.xml info.plist cargo.toml pyproject.toml
    requirements.txt setup.cfg tox.ini pytest.ini mypy.ini pipfile poetry.toml go.mod go.sum
    go.work cmakelists.txt cmakecache.txt makefile dockerfile jenkinsfile vagrantfile rakefile
    gemfile procfile docker-compose.yml docker-compose.yaml compose.yml compose.yaml readme.md
    license license.txt changelog.md pnpm-lock.yaml pnpm-workspace.yaml serverless.yml
    .gitlab-ci.yml action.yml mcp.json claude_desktop_config.json .mcp.json cache.db state.vscdb
    storage.json nuget.config directory.build.props launchsettings.json local.settings.json
    log4j.properties application.properties application.yml application.yaml logback.xml
    hosts known_hosts authorized_keys id_rsa id_ed25519 node npm npx yarn pnpm python python3 pip
    git bash sh zsh electron code java ruby perl docker
    """)
# Folders every home has; "~/.config" and "$HOME/bin" say nothing of anyone.
PUBLIC_HOME_FOLDERS = words("""
    bin dir go src lib foo bar path local library documents desktop downloads pictures music movies
    videos public templates appdata projects project repos code dev work workspace tmp temp logs
    log sdk opt node_modules onedrive dropbox file folder
    """)
