-- Reads the files of a NoCloud seed and writes what they say as plain files for the boot script:
--   read-seed.lua <directory with meta-data, user-data, …> <directory for the results>
-- In the latter there are the directories `scripts` and `content`.
-- User data may be a script (`#!`) or a cloud-config; of the latter it knows hostname,
-- fqdn, ssh_authorized_keys, users and chpasswd (root's password), ssh_pwauth, write_files and runcmd.
-- Whatever cannot be read is reported and passed over: a guest with half a seed still boots.
local lyaml = require "lyaml"

local source, target = arg[1], arg[2]

local function report(...)
  io.stderr:write("atoll-mini: ", string.format(...), "\n")
end

local function read(name)
  local file = io.open(source .. "/" .. name, "rb")
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

-- A full name a.b.c is the host a: its name, and its names for /etc/hosts.
local function host_names(...)
  for _, given in ipairs { ... } do
    local name = type(given) == "string" and given:match("^[%w-][%w.-]*")
    if name then
      name = name:gsub("%.+$", "")
      local host = name:match("^[^.]+")
      return host, host == name and host or name .. " " .. host
    end
  end
  return "atoll-mini", "atoll-mini"
end

local function write(name, text)
  local file = assert(io.open(target .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

local function parse(name, text)
  if text == "" then return {} end
  local good, value = pcall(lyaml.load, text)
  if good and type(value) == "table" then return value end
  report("%s is not readable YAML: %s", name, tostring(value))
  return {}
end

local function list(value)
  return type(value) == "table" and value or {}
end

local function text(value)
  if type(value) == "string" or type(value) == "number" then return tostring(value) end
end

-- A script as it is, and the settings of a cloud-config.
local function parts(name)
  local data = read(name)
  if data:sub(1, 2) == "#!" then return data, {} end
  if data:match("^#cloud%-config") then return nil, parse(name, data) end
  if data:match("%S") and name == "user-data" then
    report("user data is neither a script (#!) nor a #cloud-config: it is not used")
  end
  return nil, {}
end

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function command_line(command)
  if type(command) ~= "table" then return tostring(command) end
  local words = {}
  for _, word in ipairs(command) do words[#words + 1] = quoted(word) end
  return table.concat(words, " ")
end

local function keys(meta, configs)
  local seen, lines = {}, {}
  local function add(key)
    if type(key) == "string" and not seen[key] and not key:find("\n") then
      seen[key] = true
      lines[#lines + 1] = key .. "\n"
    end
  end
  for _, key in pairs(list(meta["public-keys"])) do add(key) end
  for _, config in ipairs(configs) do
    for _, key in ipairs(list(config.ssh_authorized_keys)) do add(key) end
    for _, user in ipairs(list(config.users)) do
      if type(user) == "table" and user.name == "root" then
        for _, key in ipairs(list(user.ssh_authorized_keys)) do add(key) end
      end
    end
  end
  return table.concat(lines)
end

-- Root's password: a crypt(5) string, or plain text to be hashed.
local function passwords(configs)
  local hashed, plain = "", ""
  local function set(password, is_hash)
    if type(password) ~= "string" or password:find("\n") or password == "" then return end
    if is_hash or password:match("^%$%w+%$") then
      hashed, plain = password, ""
    else
      hashed, plain = "", password
    end
  end
  for _, config in ipairs(configs) do
    for _, user in ipairs(list(config.users)) do
      if type(user) == "table" and user.name == "root" then
        set(user.hashed_passwd or user.passwd, true)
        set(user.plain_text_passwd, false)
      end
    end
    local change = list(config.chpasswd)
    local lines = change.list
    if type(lines) == "string" then
      local split = {}
      for line in lines:gmatch("[^\n]+") do split[#split + 1] = line end
      lines = split
    end
    for _, line in ipairs(list(lines)) do set(tostring(line):match("^root:(.*)$"), false) end
    for _, user in ipairs(list(change.users)) do
      if type(user) == "table" and user.name == "root" then
        set(user.password, user.type == "hash" or user.type == nil)
      end
    end
  end
  return hashed, plain
end

local function joined(words)
  local good = {}
  for _, word in ipairs(list(words)) do
    -- an address may carry settings: {"10.0.0.2/24": {…}}
    if type(word) == "table" then word = next(word) end
    if type(word) == "string" and word:match("^[%x.:/]+$") then good[#good + 1] = word end
  end
  return #good > 0 and table.concat(good, " ") or "-"
end

local function mac_of(ethernet) -- in small letters, as the kernel says it
  local mac = list(ethernet.match).macaddress
  return type(mac) == "string" and mac:lower() or mac
end

-- Version 2 of the network configuration; a line for each interface.
local function network(config)
  local lines = {}
  config = type(config.network) == "table" and config.network or config
  for name, ethernet in pairs(list(config.ethernets)) do
    if type(ethernet) == "table" then
      local gateway = ethernet.gateway4
      for _, route in ipairs(list(ethernet.routes)) do
        if route.to == "default" or route.to == "0.0.0.0/0" then gateway = route.via end
      end
      lines[#lines + 1] = table.concat({
        mac_of(ethernet) or ethernet["set-name"] or name,
        ethernet.dhcp4 == true and "yes" or "no",
        joined(ethernet.addresses),
        joined({ gateway }),
        joined(list(ethernet.nameservers).addresses),
      }, "\t")
    end
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

local function decoded(content, encoding)
  if encoding ~= "b64" and encoding ~= "base64" then return content end
  write("encoded", content)
  local pipe = assert(io.popen("base64 -d <" .. quoted(target .. "/encoded"), "r"))
  local plain = pipe:read("a")
  pipe:close()
  return plain
end

local function mode_of(permissions)
  -- 0644 without quotes is a number to YAML, and has already been read as octal
  if type(permissions) == "number" then return string.format("%o", permissions) end
  return tostring(permissions or "644"):match("^0?o?([0-7]+)$") or "644"
end

local function files(configs)
  local lines = {}
  for _, config in ipairs(configs) do
    for _, file in ipairs(list(config.write_files)) do
      local path = type(file) == "table" and file.path
      if type(path) == "string" and path:sub(1, 1) == "/" and not path:find("[\n\t]") then
        lines[#lines + 1] = #lines + 1 .. "\t" .. mode_of(file.permissions) .. "\t" .. path .. "\n"
        write("content/" .. #lines, decoded(text(file.content) or "", file.encoding))
      end
    end
  end
  write("files", table.concat(lines))
end

local function scripts(names, contents, configs)
  for number, name in ipairs(names) do
    local commands = {}
    for _, command in ipairs(list(configs[number].runcmd)) do
      commands[#commands + 1] = command_line(command) .. "\n"
    end
    local content = contents[number]
    if #commands > 0 then content = "#!/bin/sh\n" .. table.concat(commands) end
    if content then write("scripts/" .. number .. "-" .. name, content) end
  end
end

local function main()
  local meta = parse("meta-data", read("meta-data"))
  local vendor_script, vendor = parts("vendor-data")
  local user_script, user = parts("user-data")
  local configs = { vendor, user }
  local hostname, names = host_names(text(user.fqdn) or "", text(user.hostname) or "",
    text(meta["local-hostname"]) or "", text(vendor.hostname) or "")
  local pwauth = user.ssh_pwauth
  if pwauth == nil then pwauth = vendor.ssh_pwauth end

  write("instance-id", (text(meta["instance-id"]) or "none") .. "\n")
  write("hostname", hostname .. "\n")
  write("host-names", names .. "\n")
  write("authorized_keys", keys(meta, configs))
  local hashed, plain = passwords(configs)
  write("password-hash", hashed)
  write("password", plain)
  if pwauth == true or pwauth == "true" then write("ssh_pwauth", "") end
  write("network", network(parse("network-config", read("network-config"))))
  files(configs)
  scripts({ "vendor-data", "user-data" }, { vendor_script, user_script }, configs)
end

main()
