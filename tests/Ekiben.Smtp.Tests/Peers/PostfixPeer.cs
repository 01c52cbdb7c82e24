using System.Globalization;
using System.Text.RegularExpressions;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>Postfix: its master with the services that a message for a maildir needs. Its log is the master's output, so lines are waited for.</summary>
internal sealed partial class PostfixPeer(PeerSetup setup) : Peer(setup)
{
    public const string Master = "usr/lib/postfix/sbin/master";

    /// <summary>Postfix wants three that nobody else uses; these are on every Debian, and their rights do not matter here.</summary>
    private const string Owner = "daemon";

    private const string Group = "mail";
    private const string Recipient = "nobody";
    private PeerProcess? _master;
    private DovecotAuth? _auth;

    public override async Task<IReadOnlyList<Taken>> CollectAsync(IReadOnlyList<SmtpReply> accepted, CancellationToken cancel)
    {
        foreach (var reply in accepted)
        {
            var id = Number().Match(reply.Text).Groups[1].Value;
            await _master!.LineAsync(line => line.EndsWith($"{id}: removed", StringComparison.Ordinal), cancel);
        }

        // What it took without a word would still be here, or in the maildir.
        string[] queues = ["maildrop", "incoming", "active", "deferred", "hold"];
        Assert.Empty(queues.SelectMany(queue => Directory.GetFiles(In($"queue/{queue}"), "*", SearchOption.AllDirectories)));
        return ReadMaildir("mail/all", "Delivered-To:");
    }

    public override async ValueTask DisposeAsync()
    {
        if (_master is not null)
        {
            await _master.DisposeAsync();
        }

        if (_auth is not null)
        {
            await _auth.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    protected override async Task StartAsync(CancellationToken cancel)
    {
        await MakeAsync("root", cancel, "conf", "queue", "queue/pid");
        await MakeAsync($"{Owner}:{Group}", cancel, [
            "data", .. "active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace".Split(' ').Select(name => $"queue/{name}")]);
        await MakeAsync(Recipient, cancel, "mail");
        _auth = Setup.Auth is { } mechanism ? new DovecotAuth(mechanism) : null;
        await WriteAsync("main.cf", Main(), cancel);
        await WriteAsync("master.cf", Services(), cancel);
        await WriteAsync("mailboxes", "/^known.*@b\\.example$/ all/\n", cancel);
        await WriteAsync("recipients", "/^later@/ 450 4.2.1 try later\n/^close@/ 421 4.3.2 closing\n", cancel);
        _master = new PeerProcess(PeerFiles.Program(Master, "-c", In("conf"), "-d", "-s"));
        await _master.LineAsync(line => line.Contains("daemon started", StringComparison.Ordinal), cancel);
    }

    /// <summary>With an old date: Postfix waits until a file is two seconds old before it believes that it is whole.</summary>
    private async Task WriteAsync(string name, string text, CancellationToken cancel)
    {
        await File.WriteAllTextAsync(In($"conf/{name}"), text, cancel);
        File.SetLastWriteTimeUtc(In($"conf/{name}"), DateTime.UnixEpoch);
    }

    private string Main() => string.Create(CultureInfo.InvariantCulture, $"""
        compatibility_level = 3.6
        command_directory = {PeerFiles.Root}/usr/sbin
        daemon_directory = {PeerFiles.Root}/usr/lib/postfix/sbin
        shlib_directory = {PeerFiles.Root}/usr/lib/postfix
        meta_directory = {In("conf")}
        queue_directory = {In("queue")}
        data_directory = {In("data")}
        mail_owner = {Owner}
        setgid_group = {Group}
        default_privs = {Recipient}
        import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
        maillog_file = /dev/stdout
        myhostname = peer.example
        mydestination =
        mynetworks = 127.0.0.0/8
        inet_interfaces = 127.0.0.1
        inet_protocols = ipv4
        smtpd_peername_lookup = no
        alias_maps =
        alias_database =
        local_recipient_maps =
        local_header_rewrite_clients =
        virtual_mailbox_domains = b.example
        virtual_mailbox_base = {In("mail")}
        virtual_mailbox_maps = regexp:{In("conf/mailboxes")}
        virtual_uid_maps = static:65534
        virtual_gid_maps = static:65534
        smtpd_error_sleep_time = 0
        smtpd_recipient_restrictions = check_recipient_access regexp:{In("conf/recipients")}, {(Setup.Auth is null ? "permit_mynetworks" : "permit_sasl_authenticated")}, reject
        message_size_limit = {Setup.MaxSize}
        virtual_mailbox_limit = 0
        smtpd_discard_ehlo_keywords = {(Setup.Pipelining ? "" : "pipelining")} {(Setup.TellsSize ? "" : "size")}
        smtputf8_enable = {(Setup.SmtpUtf8 ? "yes" : "no")}
        smtpd_tls_security_level = {(Setup.Tls == SmtpTls.None ? "none" : "may")}
        smtpd_tls_cert_file = {In("certificate.pem")}
        smtpd_tls_key_file = {In("key.pem")}
        smtpd_sasl_auth_enable = {(_auth is null ? "no" : "yes")}
        smtpd_sasl_type = dovecot
        smtpd_sasl_path = inet:127.0.0.1:{_auth?.Port}

        """);

    private string Services() => string.Create(CultureInfo.InvariantCulture, $"""
        127.0.0.1:{Port} inet n - n - - smtpd -o smtpd_tls_wrappermode={(Setup.Tls == SmtpTls.Implicit ? "yes" : "no")}
        cleanup unix n - n - 0 cleanup
        qmgr unix n - n 300 1 qmgr
        tlsmgr unix - - n 1000? 1 tlsmgr
        rewrite unix - - n - - trivial-rewrite
        bounce unix - - n - 0 bounce
        defer unix - - n - 0 bounce
        trace unix - - n - 0 bounce
        proxymap unix - - n - - proxymap
        virtual unix - n n - - virtual
        error unix - - n - - error
        retry unix - - n - - error
        anvil unix - - n - 1 anvil
        postlog unix-dgram n - n - 1 postlogd

        """);

    [GeneratedRegex("queued as ([0-9A-Za-z]+)")]
    private static partial Regex Number();
}
