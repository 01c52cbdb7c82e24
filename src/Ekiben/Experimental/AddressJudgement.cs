using Ekiben.Mail;

namespace Ekiben.Experimental;

/// <summary>
/// What can be said of an address without asking anybody: its form and whether its domain or local part is on a short list.
/// </summary>
internal sealed record AddressJudgement(string? Domain, bool IsDisposable, bool IsRole, bool IsFreeProvider, bool IsReserved)
{
    /// <summary>Hosts of throw-away mailboxes.</summary>
    private static readonly HashSet<string> Disposable = new(StringComparer.Ordinal)
    {
        "10minutemail.com", "dispostable.com", "fakeinbox.com", "getnada.com", "grr.la", "guerrillamail.com", "guerrillamail.net", "guerrillamail.org",
        "mail-temp.com", "mailcatch.com", "maildrop.cc", "mailinator.com", "mailinator.net", "mailnesia.com", "mintemail.com", "moakt.com", "mohmal.com",
        "mytemp.email", "sharklasers.com", "spam4.me", "spamgourmet.com", "temp-mail.org", "tempail.com", "tempmail.com", "tempmailo.com", "tempr.email",
        "throwawaymail.com", "trashmail.com", "trashmail.de", "wegwerfmail.de", "yopmail.com", "yopmail.fr",
    };

    private static readonly HashSet<string> FreeProviders = new(StringComparer.Ordinal)
    {
        "aol.com", "bluewin.ch", "fastmail.com", "gmail.com", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.com", "icloud.com",
        "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "outlook.com", "pm.me", "proton.me", "protonmail.com", "qq.com", "t-online.de",
        "web.de", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yandex.ru", "zoho.com",
    };

    /// <summary>RFC 2142, and what is used like it: a desk rather than a person.</summary>
    private static readonly HashSet<string> Roles = new(StringComparer.Ordinal)
    {
        "abuse", "admin", "administrator", "billing", "contact", "ftp", "help", "hostmaster", "info", "mailer-daemon", "marketing", "no-reply", "noc",
        "noreply", "postmaster", "root", "sales", "security", "spam", "support", "sysadmin", "usenet", "uucp", "webmaster", "www",
    };

    /// <summary>RFC 2606 §2 and RFC 6761: no mail is ever delivered there.</summary>
    private static readonly string[] Reserved = [".test", ".invalid", ".localhost", ".example", ".local"];

    private static readonly AddressJudgement NoAddress = new(null, false, false, false, false);

    public bool IsAddress => Domain is not null;

    /// <summary>Well formed, at a host that may exist and keeps mailboxes.</summary>
    public bool IsValid => IsAddress && !IsDisposable && !IsReserved;

    public static AddressJudgement Of(string? text)
    {
        if (!EmailAddress.TryParse(text, out var address, out _))
        {
            return NoAddress;
        }

        var domain = address.Domain;
        var local = address.Normalised[..address.Normalised.LastIndexOf('@')];
        return new AddressJudgement(
            domain,
            Disposable.Any(host => domain == host || domain.EndsWith("." + host, StringComparison.Ordinal)),
            Roles.Contains(local),
            FreeProviders.Contains(domain),
            Reserved.Any(end => domain.EndsWith(end, StringComparison.Ordinal)) || !domain.Contains('.', StringComparison.Ordinal));
    }
}
