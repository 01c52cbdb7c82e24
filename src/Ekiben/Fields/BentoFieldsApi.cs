using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Fields;

/// <summary>Bento's routes for custom fields.</summary>
internal static class BentoFieldsApi
{
    public static void MapBentoFields(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/fields", ListAsync).WithTags("Bento: tags and fields").Describe("All custom fields", typeof(BentoList));
        bento.Map("POST", "/fetch/fields", CreateAsync).WithTags("Bento: tags and fields").Describe("Make a custom field", typeof(BentoOne), typeof(FieldBody));
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new BentoList(
        [.. (await request.Db.Fields.AsNoTracking().OrderBy(field => field.Id).ToListAsync(request.Cancel)).Select(Record)]));

    private static async Task<Answer> CreateAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadOne(request, "field", out var item, out var refusal))
        {
            return refusal!;
        }

        var key = BentoValues.Text(item, "key")?.Trim();
        if (FieldName.Fault(key) is { } fault)
        {
            return request.BadRequest(fault);
        }

        return await request.WriteAsync(async () =>
        {
            var field = await request.Db.Fields.FirstOrDefaultAsync(known => known.Key == key, request.Cancel);
            if (field is null)
            {
                field = new Field { SiteId = request.SiteId, Key = key!, Name = FieldName.Of(key!), CreatedAt = request.Service<TimeProvider>().GetUtcNow() };
                request.Db.Fields.Add(field);
                await request.Db.SaveChangesAsync(request.Cancel);
            }

            return Answer.Ok(new BentoOne(Record(field)));
        });
    }

    private static BentoRecord Record(Field field) => new(
        field.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), "visitors-fields", new FieldAttributes(field.Name, field.Key, null, field.CreatedAt));

    private sealed record FieldAttributes(string Name, string Key, bool? Whitelisted, DateTimeOffset CreatedAt);
}
