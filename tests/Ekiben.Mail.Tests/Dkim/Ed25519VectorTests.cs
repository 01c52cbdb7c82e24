using System.Security.Cryptography;
using System.Text;
using Ekiben.Mail.Dkim;

namespace Ekiben.Mail.Tests.Dkim;

/// <summary>The example of RFC 8463 Appendix A: its key, its message, and the signature that must come out.</summary>
public class Ed25519VectorTests
{
    private const string Head =
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n"
        + " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n bh=";

    private static readonly string[] Fields =
    [
        "From: Joe SixPack <joe@football.example.com>",
        "To: Suzie Q <suzie@shopping.example.net>",
        "Subject: Is dinner ready?",
        "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
        "Message-ID: <20030712040037.46341.5F8J@football.example.com>",
    ];

    [Fact]
    public void The_key_the_body_hash_and_the_signature_are_those_of_the_RFC()
    {
        var seed = Convert.FromBase64String("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
        Assert.Equal("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", Convert.ToBase64String(DkimKey.Ed25519PublicKey(seed)));

        var form = new ByteWriter(4096, "too long");
        RelaxedForm.Body("Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"u8, form);
        var bodyHash = Convert.ToBase64String(SHA256.HashData(form.Written));
        Assert.Equal("2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", bodyHash);

        form.Clear();
        foreach (var field in Fields)
        {
            RelaxedForm.Header(Encoding.ASCII.GetBytes(field), form);
            form.Bytes("\r\n"u8);
        }

        RelaxedForm.Header(Encoding.ASCII.GetBytes(Head + bodyHash + ";\r\n b="), form);
        using var key = DkimKey.Ed25519("brisbane", seed);
        var signature = new byte[512];
        var length = key.Sign(SHA256.HashData(form.Written), signature);
        Assert.Equal(
            "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==",
            Convert.ToBase64String(signature.AsSpan(0, length)));
    }
}
