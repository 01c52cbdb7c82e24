using System.Diagnostics;
using System.Globalization;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>
/// Exim: a daemon that only takes and queues, and a run of its queue when a test collects. Debian's is built for a user <c>Debian-exim</c>,
/// which nss_wrapper lends it: the machine's users are left alone.
/// </summary>
internal sealed class EximPeer(PeerSetup setup) : Peer(setup)
{
    public const string Daemon = "usr/sbin/exim4";

    /// <summary>Nobody's: only files of this test have it.</summary>
    private const int User = 64101;

    private PeerProcess? _daemon;
    private PeerProcess? _log;

    public override async Task<IReadOnlyList<Taken>> CollectAsync(IReadOnlyList<SmtpReply> accepted, CancellationToken cancel)
    {
        await PeerProcess.RunAsync(Exim("-q"), cancel);
        Assert.Empty(Directory.Exists(In("spool/input")) ? Directory.GetFiles(In("spool/input")) : []);
        return ReadMaildir("mail/all", "Envelope-To:");
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var process in new[] { _daemon, _log })
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }

        await base.DisposeAsync();
    }

    protected override async Task StartAsync(CancellationToken cancel)
    {
        await MakeAsync($"{User}:{User}", cancel, "spool", "log", "mail");
        await File.WriteAllTextAsync(In("passwd"), $"root:x:0:0::/root:/bin/sh\nDebian-exim:x:{User}:{User}::/nonexistent:/bin/false\n", cancel);
        await File.WriteAllTextAsync(In("group"), $"root:x:0:\nDebian-exim:x:{User}:\n", cancel);
        await File.WriteAllTextAsync(In("exim.conf"), Configuration(), cancel);
        _log = new PeerProcess(new ProcessStartInfo("tail", ["-s", "0.02", "-n", "+1", "-F", In("log/main"), In("log/panic")]));
        _daemon = new PeerProcess(Exim("-bdf"));
        var started = _log.LineAsync(line => line.Contains("daemon started", StringComparison.Ordinal) || line.Contains("ddress already in use", StringComparison.Ordinal), cancel);
        var ended = _daemon.EndAsync(cancel);
        await await Task.WhenAny(started, ended);
        if (!started.IsCompletedSuccessfully || started.Result.Contains("already in use", StringComparison.Ordinal))
        {
            throw new PeerEndedException($"Exim did not start:\n{_log.Said}");
        }
    }

    private ProcessStartInfo Exim(string what)
    {
        var start = PeerFiles.Program(Daemon, "-C", In("exim.conf"), what);
        start.WorkingDirectory = In("");
        start.Environment["LD_PRELOAD"] = Path.Combine(PeerFiles.Root, "libraries/libnss_wrapper.so");
        start.Environment["NSS_WRAPPER_PASSWD"] = In("passwd");
        start.Environment["NSS_WRAPPER_GROUP"] = In("group");
        return start;
    }

    private string Configuration() => string.Create(CultureInfo.InvariantCulture, $$$"""
        exim_path = {{{PeerFiles.Root}}}/{{{Daemon}}}
        exim_user = Debian-exim
        exim_group = Debian-exim
        never_users =
        keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
        spool_directory = {{{In("spool")}}}
        log_file_path = {{{In("log")}}}/%s
        pid_file_path = {{{In("log")}}}/pid
        primary_hostname = peer.example
        local_interfaces = 127.0.0.1
        daemon_smtp_ports = {{{Port}}}
        daemon_startup_retries = 0
        disable_ipv6
        host_lookup =
        helo_lookup_domains =
        rfc1413_hosts =
        queue_only
        message_size_limit = {{{(Setup.TellsSize ? Setup.MaxSize : 50_000_000)}}}
        pipelining_advertise_hosts = {{{(Setup.Pipelining ? "*" : "")}}}
        smtputf8_advertise_hosts = {{{(Setup.SmtpUtf8 ? "*" : "")}}}
        smtp_accept_max_per_connection = {{{Setup.MessagesPerConnection ?? 1000}}}
        tls_advertise_hosts = {{{(Setup.Tls == SmtpTls.None ? "" : "*")}}}
        tls_on_connect_ports = {{{(Setup.Tls == SmtpTls.Implicit ? Port : "")}}}
        tls_certificate = {{{In("certificate.pem")}}}
        tls_privatekey = {{{In("key.pem")}}}
        acl_smtp_rcpt = rcpt
        acl_smtp_data = data
        begin acl
        rcpt:
          {{{(Setup.Auth is null ? "" : "require authenticated = *")}}}
          defer local_parts = later
                message = 450 4.2.1 try later
          deny !local_parts = ^known
               message = 550 5.1.1 no such user
          accept
        data:
          deny condition = ${if >{$message_size}{{{{Setup.MaxSize}}}}}
               message = 552 5.3.4 too big
          accept
        begin routers
        all:
          driver = accept
          transport = maildir
        begin transports
        maildir:
          driver = appendfile
          maildir_format
          directory = {{{In("mail/all")}}}
          create_directory
          user = Debian-exim
          envelope_to_add
          return_path_add
        begin authenticators
        {{{Authenticator()}}}

        """);

    private string Authenticator() => Setup.Auth switch
    {
        "PLAIN" => """
            plain:
              driver = plaintext
              public_name = PLAIN
              server_prompts = :
              server_condition = ${if and{{eq{$auth2}{me}}{eq{$auth3}{secret}}}}
              server_set_id = $auth2
            """,
        "LOGIN" => """
            login:
              driver = plaintext
              public_name = LOGIN
              server_prompts = <| Username: | Password:
              server_condition = ${if and{{eq{$auth1}{me}}{eq{$auth2}{secret}}}}
              server_set_id = $auth1
            """,
        "XOAUTH2" => """
            xoauth2:
              driver = plaintext
              public_name = XOAUTH2
              server_prompts = :
              server_condition = ${if eq{$auth1}{user=me\x01auth=Bearer abc\x01\x01}}
              server_set_id = me
            """,
        _ => "",
    };
}
