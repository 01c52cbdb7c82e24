using System.Text.Json;
using Ekiben.Web;

namespace Ekiben.Instances;

/// <summary>
/// The data folder's side of <see cref="Instance"/>: <c>instance.json</c> is written once and remembers when the file system made it, which no
/// copy of a folder keeps; <c>instance.beat</c> says up to which beat this folder has seen its database.
/// </summary>
internal sealed class InstanceFile
{
    private readonly string _file;
    private readonly string _beatFile;

    private InstanceFile(string folder) => (_file, _beatFile) = (Path.Combine(folder, "instance.json"), Path.Combine(folder, "instance.beat"));

    /// <summary>32 hex characters.</summary>
    public string Id { get; private set; } = "";

    /// <summary>The file is not the one that was written here: the folder was copied, or restored from a backup.</summary>
    public bool IsCopy { get; private set; }

    /// <summary>The last beat that this folder knows its database had; 0 when none.</summary>
    public long Beat { get; private set; }

    /// <summary>Reads the folder's files, or makes them for a new instance.</summary>
    public static InstanceFile Open(string folder)
    {
        var file = new InstanceFile(folder);
        if (!File.Exists(file._file))
        {
            file.Renew();
            return file;
        }

        var stored = JsonSerializer.Deserialize<Stored>(File.ReadAllText(file._file), ApiJson.Options) ?? throw new JsonException($"{file._file} is empty");
        file.Id = stored.Id;
        // 0 = the file system does not say: no evidence either way.
        var made = BirthTime.Of(file._file);
        file.IsCopy = stored.Made != 0 && made != 0 && made != stored.Made;
        file.Beat = File.Exists(file._beatFile) && long.TryParse(File.ReadAllText(file._beatFile), out var beat) ? beat : 0;
        return file;
    }

    /// <summary>A new identity for this folder.</summary>
    public void Renew()
    {
        (Id, IsCopy, Beat) = (Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16)), false, 0);
        File.Delete(_file);
        File.Delete(_beatFile);
        // Made first, then its time is read, then it is filled: writing does not change when it was made.
        using (File.Create(_file))
        {
        }

        File.WriteAllText(_file, JsonSerializer.Serialize(new Stored(Id, BirthTime.Of(_file)), ApiJson.Options));
    }

    /// <summary>Whole or not at all; called after the database has the same beat.</summary>
    public void Write(long beat)
    {
        Beat = beat;
        var aside = _beatFile + ".new";
        File.WriteAllText(aside, beat.ToString(System.Globalization.CultureInfo.InvariantCulture));
        File.Move(aside, _beatFile, overwrite: true);
    }

    private sealed record Stored(string Id, long Made);
}
