using System.Text;

namespace Ekiben.Smtp;

/// <summary>One AUTH (RFC 4954): what is said first, and to each 334.</summary>
/// <param name="first">The command.</param>
/// <param name="answers">What is said to each 334 in turn; after them the exchange is cancelled.</param>
internal sealed class Authentication(string first, params string[] answers)
{
    /// <summary>RFC 4954 §4: gives up.</summary>
    private const string Cancel = "*";

    private int _next;

    public string Begin() => first;

    public string Answer() => _next < answers.Length ? answers[_next++] : Cancel;

    /// <summary>A token asks for XOAUTH2; otherwise PLAIN, which is one round trip, goes before LOGIN. Null when nothing fits.</summary>
    public static Authentication? Choose(Offers offers, string user, SmtpOptions options)
    {
        if (options.AccessToken is { } token)
        {
            // On failure the server explains itself in a 334 and waits for an empty line before its 535.
            return offers.Auth.Contains("XOAUTH2")
                ? new Authentication($"AUTH XOAUTH2 {Base64($"user={user}\u0001auth=Bearer {token}\u0001\u0001")}", "")
                : null;
        }

        var password = options.Password ?? "";
        if (offers.Auth.Contains("PLAIN"))
        {
            // RFC 4616. Said again to a server that does not read it from the command.
            var secret = Base64($"\0{user}\0{password}");
            return new Authentication($"AUTH PLAIN {secret}", secret);
        }

        return offers.Auth.Contains("LOGIN") ? new Authentication("AUTH LOGIN", Base64(user), Base64(password)) : null;
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
