using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ekiben.Sites;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// A broadcast as the call that would make it anew: what somebody composed once, a program sends from then on. Keys are named by variables of the
/// environment: what is copied from a page ends in chats and tickets.
/// </summary>
/// <param name="Name">What it is written in.</param>
/// <param name="Text">To be copied as it stands.</param>
internal sealed partial record BentoCall(string Name, string Text)
{
    /// <summary>Not for HTML: the page encodes it.</summary>
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The same call in each of its forms.</summary>
    /// <param name="broadcast">What is to be made.</param>
    /// <param name="site">Whose.</param>
    /// <param name="origin">The server's address, without a slash at its end.</param>
    public static IReadOnlyList<BentoCall> Of(Broadcast broadcast, Site site, string origin)
    {
        var item = Item(broadcast);
        var list = new JsonObject { ["broadcasts"] = new JsonArray(item) };
        var (body, text) = (Written(list), Written(item));
        return
        [
            new("curl", $"""
                curl -u "$PUBLISHABLE_KEY:$SECRET_KEY" -H 'Content-Type: application/json' \
                  '{origin}/api/v1/batch/broadcasts?site_uuid={site.Uuid}' --data-binary @- <<'JSON'
                {body}
                JSON
                """),
            new("Node", $$"""
                import { Analytics } from '@bentonow/bento-node-sdk';

                const bento = new Analytics({
                  authentication: { publishableKey: process.env.PUBLISHABLE_KEY, secretKey: process.env.SECRET_KEY },
                  siteUuid: '{{site.Uuid}}',
                  clientOptions: { baseUrl: '{{origin}}/api/v1' },
                });
                await bento.V1.Broadcasts.createBroadcast([{{text}}]);
                """),
            new("Python", $$"""
                import os
                import bento_api.api

                bento_api.api.BASE_URL = "{{origin}}/api/v1"
                bento = bento_api.api.BentoAPI(
                    site_uuid="{{site.Uuid}}", username=os.environ["PUBLISHABLE_KEY"], password=os.environ["SECRET_KEY"])
                bento.batch_create_broadcasts([{{text}}])
                """),
        ];
    }

    /// <summary>Characters beyond the first plane stand as they are: Python reads the two halves of their escape as two characters.</summary>
    private static string Written(JsonObject json) =>
        Pair().Replace(json.ToJsonString(Readable), pair => new string([Half(pair.Groups[1]), Half(pair.Groups[2])]));

    private static char Half(Group hex) => (char)ushort.Parse(hex.ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})")]
    private static partial Regex Pair();

    /// <summary>One item, without what it says nothing in, so that it reads the same in all languages: texts and numbers alone.</summary>
    private static JsonObject Item(Broadcast broadcast)
    {
        var item = JsonObject.Create(ComposeForm.Of(broadcast, TimeZoneInfo.Utc).ToItem())!;
        item["send_at"] = broadcast.SendAt?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        item["inclusive_tags"] = broadcast.InclusiveTags;
        item["exclusive_tags"] = broadcast.ExclusiveTags;
        foreach (var (name, value) in item.ToList())
        {
            if (value is null || (value.GetValueKind() is JsonValueKind.String && value.GetValue<string>().Length == 0 && name != "content") || (name == "uncertain_policy" && value.GetValue<string>() == "resend"))
            {
                item.Remove(name);
            }
        }

        return item;
    }
}
